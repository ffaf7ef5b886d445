{{/* The matcher of this release's namespace. */}}
{{- define "etl-sales-target.ofNamespace" -}}
namespace={{ default .Release.Namespace .Values.settings.ETL_KUBERNETES_NAMESPACE | toJson }}
{{- end }}

{{/* The matchers of this release's metrics: those of another release have alerts of their own. */}}
{{- define "etl-sales-target.ofRelease" -}}
{{- $targets := list }}
{{- range include "etl-sales-target.targets" . | fromJsonArray }}
{{- $targets = append $targets (regexQuoteMeta .) }}
{{- end -}}
{{ include "etl-sales-target.ofNamespace" . }}, target_table=~{{ join "|" $targets | toJson }}
{{- end }}

{{/*
The tables that were refused for a reason and have not been loaded since, whatever else happened in between.
Takes a dict: `of`, the matchers, and `outcome`.
*/}}
{{- define "etl-sales-target.refusedUntilSuccess" -}}
{{- $refused := printf "max by (namespace, target_table) (max_over_time(etl_sales_target:last_refusal_timestamp_seconds{%s, outcome=%q}[7d]))" .of .outcome }}
{{- $refused }}
> (
  max by (namespace, target_table) (last_over_time(etl_sales_target_last_success_timestamp_seconds{ {{- .of }}}[7d]))
  or 0 * {{ $refused }}
)
{{- end }}

{{/* An alert's labels. Takes a dict: `root`, the chart's context, and `severity`. */}}
{{- define "etl-sales-target.alertLabels" -}}
{{- toYaml (merge (dict "severity" .severity) (default dict .root.Values.prometheusRule.alertLabels)) }}
{{- end }}
