{{/* The chart's name, as a label value. */}}
{{- define "etl-sales-target.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of the objects. The pods' names append a suffix to it: 52 characters is a CronJob's limit. */}}
{{- define "etl-sales-target.fullname" -}}
{{- $name := include "etl-sales-target.name" . }}
{{- $fullname := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $fullname .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* The labels that select this release's objects. */}}
{{- define "etl-sales-target.selectorLabels" -}}
app.kubernetes.io/name: {{ include "etl-sales-target.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of every object. */}}
{{- define "etl-sales-target.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "etl-sales-target.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "etl-sales-target.serviceAccountName" -}}
{{- default (ternary (include "etl-sales-target.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "etl-sales-target.connectionsSecretName" -}}
{{- default (printf "%s-connections" (include "etl-sales-target.fullname" .)) .Values.connections.existingSecret }}
{{- end }}

{{- define "etl-sales-target.image" -}}
{{- with .Values.image }}
{{- $version := ternary (printf "@%s" .digest) (printf ":%s" (default $.Chart.AppVersion .tag)) (ne .digest "") }}
{{- printf "%s%s" .repository $version }}
{{- end }}
{{- end }}

{{/* A setting as text. Helm reads integers as floats and would print 1000000 as 1e+06. */}}
{{- define "etl-sales-target.text" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* Where the pod has the table definitions. */}}
{{- define "etl-sales-target.tablesFolder" -}}
/etc/etl-sales-target/tables
{{- end }}

{{/* The targets of the release's tables as the job writes them, a JSON list. */}}
{{- define "etl-sales-target.targets" -}}
{{- $targets := list }}
{{- range .Values.tables }}
{{- $targets = append $targets (lower .target) }}
{{- end }}
{{- default (list (lower (default "mb.sales_target" .Values.settings.ETL_TARGET_TABLE))) $targets | toJson }}
{{- end }}
