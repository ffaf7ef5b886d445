{{/* What the pod mounts, and where: the volume's name is the same in both lists. */}}

{{- define "etl-sales-target.volumeMounts" -}}
- name: connections
  mountPath: {{ .Values.settings.ETL_CONNECTIONS_DIR | quote }}
  readOnly: true
{{- if .Values.tables }}
- name: tables
  mountPath: {{ include "etl-sales-target.tablesFolder" . }}
  readOnly: true
{{- end }}
{{- if .Values.certificateAuthorities.configMap }}
- name: certificate-authorities
  mountPath: /etc/etl-sales-target/certificate-authorities
  readOnly: true
{{- end }}
{{- if .Values.oracleNet.secret }}
- name: oracle-net
  mountPath: /etc/etl-sales-target/oracle-net
  readOnly: true
{{- end }}
- name: tmp
  mountPath: /tmp
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "etl-sales-target.volumes" -}}
- name: connections
  secret:
    secretName: {{ include "etl-sales-target.connectionsSecretName" . | quote }}
    defaultMode: 0440
    # If it is missing, the job fails at once with a clear message; the kubelet would wait for the Secret.
    optional: true
    items:
      {{- range $key, $_ := include "etl-sales-target.secrets" . | fromYaml }}
      - key: {{ $key }}
        path: {{ $key }}
      {{- end }}
{{- if .Values.tables }}
- name: tables
  configMap:
    name: {{ include "etl-sales-target.fullname" . }}-tables
{{- end }}
{{- with .Values.certificateAuthorities }}
{{- if .configMap }}
- name: certificate-authorities
  configMap:
    name: {{ .configMap | quote }}
    items:
      - key: {{ .key | quote }}
        path: ca.crt
{{- end }}
{{- end }}
{{- with .Values.oracleNet.secret }}
- name: oracle-net
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.tmpSizeLimit }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
