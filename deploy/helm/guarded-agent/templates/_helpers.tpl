{{- define "guarded-agent.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "guarded-agent.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "guarded-agent.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "guarded-agent.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Names of objects without a namespace carry the release's namespace, or two releases would meet. */}}
{{- define "guarded-agent.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "guarded-agent.fullname" .) | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "guarded-agent.selectorLabels" -}}
app.kubernetes.io/name: {{ include "guarded-agent.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "guarded-agent.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "guarded-agent.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: guarded-agent
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "guarded-agent.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "guarded-agent.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: name the ServiceAccount, as serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "guarded-agent.agentServiceAccountName" -}}
{{- if .Values.agent.serviceAccount.create }}
{{- default (printf "%s-agent" (include "guarded-agent.fullname" .)) .Values.agent.serviceAccount.name }}
{{- else }}
{{- required "agent.serviceAccount.name: name the ServiceAccount, as agent.serviceAccount.create is false" .Values.agent.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "guarded-agent.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{- define "guarded-agent.tokensSecret" -}}
{{- default (printf "%s-tokens" (include "guarded-agent.fullname" .)) .Values.auth.tokens.existingSecret }}
{{- end }}

{{- define "guarded-agent.agentTokenSecret" -}}
{{- default (printf "%s-agent-token" (include "guarded-agent.fullname" .)) .Values.auth.tokens.agentSecret }}
{{- end }}

{{/* The Secret that Kubernetes fills with a token of the guard's ServiceAccount; mode sidecar. */}}
{{- define "guarded-agent.identitySecret" -}}
{{- printf "%s-identity" (include "guarded-agent.fullname" .) }}
{{- end }}

{{- define "guarded-agent.scheme" -}}
{{- ternary "https" "http" (not (empty .Values.tls.existingSecret)) }}
{{- end }}

{{- define "guarded-agent.several" -}}
{{- if and (eq .Values.mode "standalone") (or .Values.autoscaling.enabled (gt (int .Values.replicas) 1)) }}true{{ end }}
{{- if and (eq .Values.mode "sidecar") (gt (int .Values.agent.replicas) 1) }}true{{ end }}
{{- end }}

{{/* Requests of one run go to one replica: two that serve it at once answer 409 by turns. */}}
{{- define "guarded-agent.sessionAffinity" -}}
{{- $needed := and (include "guarded-agent.several" .) .Values.proxy.upstreams }}
{{- default (ternary "ClientIP" "" (not (empty $needed))) .Values.service.sessionAffinity }}
{{- end }}

{{/* Seconds of a duration as settings have it: `90s`, `1h30m`, 0. Rounded up. */}}
{{- define "guarded-agent.seconds" -}}
{{- $whole := 0.0 }}
{{- range regexFindAll "[0-9.]+(ms|s|m|h|d)" (toString .) -1 }}
{{- $unit := regexFind "[a-z]+" . }}
{{- $factor := index (dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0) $unit }}
{{- $whole = addf $whole (mulf (trimSuffix $unit .) $factor) }}
{{- end }}
{{- ceil $whole | int }}
{{- end }}

{{/* What no schema can say: values that do not go together. One line each. */}}
{{- define "guarded-agent.check" -}}
{{- $several := include "guarded-agent.several" . }}
{{- if not (or .Values.scope.namespaces .Values.scope.clusterWide) }}
{{- fail "scope: name the namespaces that the guard looks at in scope.namespaces, or set scope.clusterWide=true" }}
{{- end }}
{{- if and .Values.scope.clusterWide (not .Values.scope.namespaces) .Values.reference.enabled }}
{{- fail "scope.namespaces: name the namespaces that reference records, or set reference.enabled=false; clusterWide grants the others" }}
{{- end }}
{{- $listen := (include "guarded-agent.config" . | fromYaml).listen }}
{{- $pause := ternary 5 0 (eq .Values.mode "standalone") }}
{{- $needed := add $pause (include "guarded-agent.seconds" (default 0 $listen.linger)) (include "guarded-agent.seconds" $listen.drain) }}
{{- if le (int .Values.terminationGracePeriodSeconds) (int $needed) }}
{{- fail (printf "terminationGracePeriodSeconds: requests under way may take %d s; set it above that, or lower config.listen.drain" (int $needed)) }}
{{- end }}
{{- if and $several (has .Values.store.type (list "sqlite" "memory")) }}
{{- fail (printf "store.type: several replicas cannot share a %s store; set store.type to redis or postgres, or run one replica" .Values.store.type) }}
{{- end }}
{{- if and (has .Values.store.type (list "redis" "postgres")) (not (or .Values.store.url .Values.store.existingSecret)) }}
{{- fail (printf "store.url: say where %s is, in store.url or by store.existingSecret" .Values.store.type) }}
{{- end }}
{{- if and $several .Values.persistence.enabled (not (has "ReadWriteMany" .Values.persistence.accessModes)) }}
{{- fail "persistence.accessModes: several replicas need ReadWriteMany for the reference, or persistence.enabled=false" }}
{{- end }}
{{- if and (eq .Values.mode "sidecar") (not .Values.agent.image) }}
{{- fail "agent.image: mode sidecar runs the guard beside your agent; name the agent's image" }}
{{- end }}
{{- if and (eq .Values.mode "sidecar") (eq .Values.auth.mode "tokens") .Values.auth.tokens.existingSecret (not .Values.auth.tokens.agentSecret) }}
{{- fail "auth.tokens.agentSecret: with auth.tokens.existingSecret, name the Secret that holds the agent's own token under the key token" }}
{{- end }}
{{- if and (eq .Values.mode "sidecar") .Values.agent.proxy }}
{{- range $format, $upstream := .Values.proxy.upstreams }}
{{- if not $upstream.existingSecret }}
{{- fail (printf "proxy.upstreams.%s.existingSecret: name the Secret with the provider's key, as the agent's own key is the guard's token; or set agent.proxy=false" $format) }}
{{- end }}
{{- end }}
{{- if and .Values.proxy.upstreams (eq .Values.auth.mode "tokenreview") }}
{{- fail "auth.mode: clients of models read no token from a file; use tokens, or set agent.proxy=false" }}
{{- end }}
{{- end }}
{{- if and (eq .Values.auth.mode "tokenreview") (not .Values.auth.tokenreview.accounts) (eq .Values.mode "standalone") }}
{{- fail "auth.tokenreview.accounts: say which ServiceAccount has which role, or every caller is refused" }}
{{- end }}
{{- if and .Values.admission.enabled (eq .Values.mode "standalone") (not .Values.admission.agents) }}
{{- fail "admission.agents: name the ServiceAccounts of the agents that are kept away" }}
{{- end }}
{{- range .Values.admission.agents }}
{{- if and (eq $.Values.mode "standalone") (eq .namespace $.Release.Namespace) }}
{{- fail (printf "admission.agents: %s/%s lives in the guard's own namespace; install the guard in another one" .namespace .name) }}
{{- end }}
{{- end }}
{{- end }}
