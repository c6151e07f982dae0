{{/* The settings file of `guarded-agent serve`. What `config` says wins, section by section. */}}
{{- define "guarded-agent.config" -}}
{{- $data := "/var/lib/guarded-agent" }}
{{- $listen := dict "host" "0.0.0.0" "port" 8321 "drain" "30s" }}
{{- if .Values.tls.existingSecret }}
{{- $_ := set $listen "tls_certificate" "/etc/guarded-agent/tls/tls.crt" }}
{{- $_ := set $listen "tls_key" "/etc/guarded-agent/tls/tls.key" }}
{{- end }}
{{- $store := dict }}
{{- if eq .Values.store.type "memory" }}
{{- $_ := set $store "url" "memory:" }}
{{- else if eq .Values.store.type "sqlite" }}
{{- $_ := set $store "url" (printf "sqlite:%s/runs.db" $data) }}
{{- else if .Values.store.existingSecret }}
{{- $_ := set $store "url_file" "/etc/guarded-agent/store/url" }}
{{- else }}
{{- $_ := set $store "url" .Values.store.url }}
{{- end }}
{{- $policies := dict }}
{{- if .Values.policy.default }}
{{- $_ := set $policies "file" "/etc/guarded-agent/policy/policy.yaml" }}
{{- end }}
{{- if .Values.policy.named }}
{{- $_ := set $policies "directory" "/etc/guarded-agent/policies" }}
{{- end }}
{{- $sources := dict }}
{{- with .Values.sources.prometheus }}{{- $_ := set $sources "prometheus" . }}{{- end }}
{{- with .Values.sources.alertmanager }}{{- $_ := set $sources "alertmanager" . }}{{- end }}
{{- $auth := dict "mode" .Values.auth.mode "open_metrics" .Values.auth.openMetrics }}
{{- if eq .Values.auth.mode "tokens" }}
{{- $_ := set $auth "tokens" "/etc/guarded-agent/tokens" }}
{{- else }}
{{- $_ := set $auth "audiences" .Values.auth.tokenreview.audiences }}
{{- $accounts := .Values.auth.tokenreview.accounts }}
{{- if eq .Values.mode "sidecar" }}
{{- $own := dict "account" (printf "%s/%s" .Release.Namespace (include "guarded-agent.agentServiceAccountName" .)) "role" "agent" }}
{{- $accounts = append $accounts $own }}
{{- end }}
{{- $_ := set $auth "accounts" $accounts }}
{{- end }}
{{- $reference := dict "every" .Values.reference.every }}
{{- if .Values.reference.enabled }}
{{- $_ := set $reference "folder" (printf "%s/reference" $data) }}
{{- end }}
{{- $whole := dict "listen" $listen "store" $store "policies" $policies "sources" $sources "auth" $auth "reference" $reference }}
{{- $_ := set $whole "scope" (dict "namespaces" .Values.scope.namespaces) }}
{{- if .Values.proxy.upstreams }}
{{- $upstreams := dict }}
{{- range $format, $upstream := .Values.proxy.upstreams }}
{{- $one := dict "base_url" $upstream.baseUrl }}
{{- if $upstream.existingSecret }}
{{- $_ := set $one "api_key_file" (printf "/etc/guarded-agent/models/%s" $format) }}
{{- end }}
{{- $_ := set $upstreams $format $one }}
{{- end }}
{{- $_ := set $whole "proxy" (dict "upstreams" $upstreams "incident" (dict "namespaces" .Values.scope.namespaces)) }}
{{- end }}
{{- toYaml (mergeOverwrite $whole (deepCopy .Values.config)) }}
{{- end }}
