{{/* The chart's name, as a label value. */}}
{{- define "etl-sales-target.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of the objects. The pods' names append a suffix to it: 52 characters is a CronJob's limit. */}}
{{- define "etl-sales-target.fullname" -}}
{{- $name := include "etl-sales-target.name" . }}
{{- $fullname := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- regexReplaceAll "[-.]+$" (default $fullname .Values.fullnameOverride | trunc 52) "" }}
{{- end }}

{{/* The labels that select this release's objects. */}}
{{- define "etl-sales-target.selectorLabels" -}}
app.kubernetes.io/name: {{ include "etl-sales-target.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* The labels of every object. Yours come on top; the chart's own cannot be replaced. */}}
{{- define "etl-sales-target.labels" -}}
{{- $own := include "etl-sales-target.selectorLabels" . | fromYaml }}
{{- $_ := set $own "helm.sh/chart" (regexReplaceAll "[-_.]+$" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63) "") }}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion }}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service }}
{{- toYaml (merge $own (default dict .Values.commonLabels)) }}
{{- end }}

{{/*
An object's metadata. Takes a dict: `root`, the chart's context, and, if the object has them, the
`suffix` of its name, further `labels`, and `annotations`.
*/}}
{{- define "etl-sales-target.metadata" -}}
name: {{ printf "%s%s" (include "etl-sales-target.fullname" .root) (default "" .suffix) | quote }}
namespace: {{ .root.Release.Namespace | quote }}
labels:
  {{- toYaml (merge (include "etl-sales-target.labels" .root | fromYaml) (default dict .labels)) | nindent 2 }}
{{- with merge (dict) (default dict .annotations) (default dict .root.Values.commonAnnotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
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

{{/* The port in an http or https URL, or the scheme's own. */}}
{{- define "etl-sales-target.portOfUrl" -}}
{{- $url := urlParse . }}
{{- default (ternary "443" "80" (eq $url.scheme "https")) (regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host)) }}
{{- end }}

{{/* Refuses what older clusters would ignore. Takes a dict: `root`, `what`, a value, and the `version` that it needs. */}}
{{- define "etl-sales-target.needsKubernetes" -}}
{{- $cluster := .root.Capabilities.KubeVersion.Version }}
{{- if not (semverCompare (printf ">=%s-0" .version) $cluster) }}
{{- fail (printf "%s: needs Kubernetes %s, and this cluster is %s" .what .version $cluster) }}
{{- end }}
{{- end }}
