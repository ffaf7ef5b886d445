{{/*
The pod, shared by the PodTemplate, the CronJob and the test.
Takes a dict: `root`, the chart's context, and `args`, the arguments of etl-sales-target.
*/}}
{{- define "etl-sales-target.pod" -}}
{{- $args := .args }}
{{- with .root }}
{{- $labels := merge (include "etl-sales-target.selectorLabels" . | fromYaml) (default dict .Values.podLabels) (default dict .Values.commonLabels) -}}
{{- $annotations := merge (dict) (default dict .Values.podAnnotations) (default dict .Values.commonAnnotations) }}
{{- with .Values.tables }}
{{- /* Says which definitions a pod had. */}}
{{- $_ := set $annotations "checksum/tables" (toJson . | sha256sum) }}
{{- end }}
metadata:
  labels:
    {{- toYaml $labels | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  restartPolicy: Never
  serviceAccountName: {{ include "etl-sales-target.serviceAccountName" . | quote }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  activeDeadlineSeconds: {{ int64 .Values.activeDeadlineSeconds }}
  terminationGracePeriodSeconds: {{ int64 .Values.terminationGracePeriodSeconds }}
  {{- $optional := pick .Values "imagePullSecrets" "initContainers" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" "hostAliases" "hostNetwork" "dnsConfig" }}
  {{- $_ := set $optional "securityContext" .Values.podSecurityContext }}
  {{- $_ := set $optional "dnsPolicy" (default (ternary "ClusterFirstWithHostNet" "" .Values.hostNetwork) .Values.dnsPolicy) }}
  {{- range $field, $value := $optional }}
  {{- with $value }}
  {{- toYaml (dict $field .) | nindent 2 }}
  {{- end }}
  {{- end }}
  containers:
    - name: {{ .Chart.Name }}
      image: {{ include "etl-sales-target.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: {{ toJson $args }}
      envFrom:
        - configMapRef:
            name: {{ include "etl-sales-target.fullname" . | quote }}
        {{- with .Values.extraEnvFrom }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with include "etl-sales-target.env" . | fromYamlArray }}
      {{- $names := dict }}
      {{- range . }}
      {{- if hasKey $names .name }}
      {{- fail (printf "extraEnv: %s is set already, by another entry or by another value of the chart" .name) }}
      {{- end }}
      {{- $_ := set $names .name true }}
      {{- end }}
      env:
        {{- toYaml . | nindent 8 }}
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
        {{- include "etl-sales-target.volumeMounts" . | nindent 8 }}
  volumes:
    {{- include "etl-sales-target.volumes" . | nindent 4 }}
{{- end }}
{{- end }}

{{/* The container's variables that are not in the ConfigMap. */}}
{{- define "etl-sales-target.env" -}}
{{- with .Values }}
{{- if not .settings.ETL_KUBERNETES_NAMESPACE }}
- name: ETL_KUBERNETES_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- end }}
{{- if .certificateAuthorities.configMap }}
- name: SSL_CERT_FILE
  value: /etc/etl-sales-target/certificate-authorities/ca.crt
{{- end }}
{{- if .oracleNet.secret }}
- name: TNS_ADMIN
  value: /etc/etl-sales-target/oracle-net
{{- end }}
{{- with .extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
