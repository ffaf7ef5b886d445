{{/*
The pod, shared by the PodTemplate, the CronJob and the test.
Takes a dict: `root`, the chart's context, and `args`, the arguments of etl-sales-target.
*/}}
{{- define "etl-sales-target.pod" -}}
{{- $name := .root.Chart.Name }}
{{- $args := .args }}
{{- with .root -}}
metadata:
  labels:
    {{- include "etl-sales-target.selectorLabels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or .Values.podAnnotations .Values.tables }}
  annotations:
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with .Values.tables }}
    # Says which definitions a pod had.
    checksum/tables: {{ toJson . | sha256sum }}
    {{- end }}
  {{- end }}
spec:
  restartPolicy: Never
  serviceAccountName: {{ include "etl-sales-target.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.hostNetwork }}
  hostNetwork: true
  dnsPolicy: ClusterFirstWithHostNet
  {{- end }}
  containers:
    - name: {{ $name }}
      image: {{ include "etl-sales-target.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: {{ toJson $args }}
      envFrom:
        - configMapRef:
            name: {{ include "etl-sales-target.fullname" . }}
      {{- if not .Values.settings.ETL_KUBERNETES_NAMESPACE }}
      env:
        - name: ETL_KUBERNETES_NAMESPACE
          valueFrom:
            fieldRef:
              fieldPath: metadata.namespace
      {{- end }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.containerSecurityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      # When the job fails, it writes one line. If it could not, Kubernetes uses its last log lines instead.
      terminationMessagePolicy: FallbackToLogsOnError
      volumeMounts:
        - name: connections
          mountPath: {{ .Values.settings.ETL_CONNECTIONS_DIR }}
          readOnly: true
        {{- if .Values.tables }}
        - name: tables
          mountPath: {{ include "etl-sales-target.tablesFolder" . }}
          readOnly: true
        {{- end }}
        - name: tmp
          mountPath: /tmp
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: connections
      secret:
        secretName: {{ include "etl-sales-target.connectionsSecretName" . }}
        defaultMode: 0440
        # If it is missing, the job fails at once with a clear message; the kubelet would wait for the Secret.
        optional: true
        items:
          - key: AIRFLOW_CONN_ORACLE_CONN_ID
            path: AIRFLOW_CONN_ORACLE_CONN_ID
          - key: AIRFLOW_CONN_POSTGRES_CONN_ID
            path: AIRFLOW_CONN_POSTGRES_CONN_ID
          - key: ETL_PUSHGATEWAY_PASSWORD
            path: ETL_PUSHGATEWAY_PASSWORD
          - key: OPENLINEAGE_API_KEY
            path: OPENLINEAGE_API_KEY
    {{- if .Values.tables }}
    - name: tables
      configMap:
        name: {{ include "etl-sales-target.fullname" . }}-tables
    {{- end }}
    - name: tmp
      emptyDir:
        sizeLimit: {{ .Values.tmpSizeLimit }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}
