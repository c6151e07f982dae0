{{/* The guard's container. In mode sidecar it is a native sidecar: it is up before the agent starts,
     and goes after it. */}}
{{- define "guarded-agent.container" -}}
- name: guarded-agent
  image: {{ include "guarded-agent.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  {{- if eq .Values.mode "sidecar" }}
  restartPolicy: Always
  {{- end }}
  args: [serve, --config, /etc/guarded-agent/serve/serve.yaml]
  {{- with .Values.env }}
  env:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.envFrom }}
  envFrom:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    - name: http
      containerPort: 8321
      protocol: TCP
  # The agent of a sidecar pod starts once this has succeeded.
  startupProbe:
    httpGet:
      path: /healthz
      port: http
      scheme: {{ include "guarded-agent.scheme" . | upper }}
    periodSeconds: 2
    failureThreshold: 60
  livenessProbe:
    httpGet:
      path: /healthz
      port: http
      scheme: {{ include "guarded-agent.scheme" . | upper }}
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 6
  # Not ready while cluster, Prometheus or store cannot be read: ends could not be judged.
  readinessProbe:
    httpGet:
      path: /readyz
      port: http
      scheme: {{ include "guarded-agent.scheme" . | upper }}
    periodSeconds: 10
    timeoutSeconds: 8
    failureThreshold: 2
  {{- if eq .Values.mode "standalone" }}
  lifecycle:
    preStop:
      # Endpoints are taken away meanwhile, so that no new request meets a closed port.
      sleep:
        seconds: 5
  {{- end }}
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    {{- toYaml .Values.securityContext | nindent 4 }}
  volumeMounts:
    - name: serve
      mountPath: /etc/guarded-agent/serve
      readOnly: true
    {{- if .Values.policy.default }}
    - name: policy
      mountPath: /etc/guarded-agent/policy
      readOnly: true
    {{- end }}
    {{- if .Values.policy.named }}
    - name: policies
      mountPath: /etc/guarded-agent/policies
      readOnly: true
    {{- end }}
    {{- if eq .Values.auth.mode "tokens" }}
    - name: tokens
      mountPath: /etc/guarded-agent/tokens
      readOnly: true
    {{- end }}
    {{- if .Values.store.existingSecret }}
    - name: store
      mountPath: /etc/guarded-agent/store
      readOnly: true
    {{- end }}
    {{- if .Values.tls.existingSecret }}
    - name: tls
      mountPath: /etc/guarded-agent/tls
      readOnly: true
    {{- end }}
    {{- if include "guarded-agent.modelKeys" . }}
    - name: models
      mountPath: /etc/guarded-agent/models
      readOnly: true
    {{- end }}
    - name: identity
      mountPath: /var/run/secrets/kubernetes.io/serviceaccount
      readOnly: true
    - name: data
      mountPath: /var/lib/guarded-agent
    - name: tmp
      mountPath: /tmp
{{- end }}

{{- define "guarded-agent.volumes" -}}
- name: serve
  configMap:
    name: {{ include "guarded-agent.fullname" . }}
{{- if .Values.policy.default }}
- name: policy
  configMap:
    name: {{ include "guarded-agent.fullname" . }}-policy
    items:
      - key: policy.yaml
        path: policy.yaml
{{- end }}
{{- if .Values.policy.named }}
- name: policies
  configMap:
    name: {{ include "guarded-agent.fullname" . }}-policy
    items:
      {{- range $name, $_ := .Values.policy.named }}
      - key: named.{{ $name }}
        path: {{ $name }}.yaml
      {{- end }}
{{- end }}
{{- if eq .Values.auth.mode "tokens" }}
- name: tokens
  secret:
    secretName: {{ include "guarded-agent.tokensSecret" . }}
    defaultMode: 0440
{{- end }}
{{- if .Values.store.existingSecret }}
- name: store
  secret:
    secretName: {{ .Values.store.existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ .Values.store.existingSecretKey }}
        path: url
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: tls
  secret:
    secretName: {{ .Values.tls.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- with include "guarded-agent.modelKeys" . }}
- name: models
  projected:
    defaultMode: 0440
    sources:
      {{- . | nindent 6 }}
{{- end }}
- name: identity
{{- if eq .Values.mode "sidecar" }}
  secret:
    secretName: {{ include "guarded-agent.identitySecret" . }}
    defaultMode: 0440
{{- else }}
  {{- include "guarded-agent.projectedToken" 3600 | nindent 2 }}
{{- end }}
- name: data
{{- if .Values.persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ default (include "guarded-agent.fullname" .) .Values.persistence.existingClaim }}
{{- else }}
  emptyDir: {}
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end }}

{{/* Keys of model providers, one file for each format; empty where agents bring their own. */}}
{{- define "guarded-agent.modelKeys" -}}
{{- range $format, $upstream := .Values.proxy.upstreams }}
{{- if $upstream.existingSecret }}
- secret:
    name: {{ $upstream.existingSecret }}
    items:
      - key: {{ default "api-key" $upstream.existingSecretKey }}
        path: {{ $format }}
{{- end }}
{{- end }}
{{- end }}

{{/* A token of the pod's ServiceAccount, as the kubelet would mount it in every container. */}}
{{- define "guarded-agent.projectedToken" -}}
projected:
  defaultMode: 0440
  sources:
    - serviceAccountToken:
        path: token
        expirationSeconds: {{ . }}
    - configMap:
        name: kube-root-ca.crt
        items:
          - key: ca.crt
            path: ca.crt
    - downwardAPI:
        items:
          - path: namespace
            fieldRef:
              fieldPath: metadata.namespace
{{- end }}

{{- define "guarded-agent.podMetadata" -}}
annotations:
  # Settings are read at the start: a change of them makes new pods.
  checksum/config: {{ include (print $.Template.BasePath "/configmap.yaml") . | sha256sum }}
  {{- with .Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
labels:
  {{- include "guarded-agent.labels" . | nindent 2 }}
  {{- with .Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Where pods go. */}}
{{- define "guarded-agent.placement" -}}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- if .Values.topologySpreadConstraints }}
  {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
{{- else }}
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "guarded-agent.selectorLabels" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* One volume that one pod at a time may mount: the old pod goes first. */}}
{{- define "guarded-agent.strategy" -}}
{{- if and .Values.persistence.enabled (not (has "ReadWriteMany" .Values.persistence.accessModes)) }}
type: Recreate
{{- else }}
type: RollingUpdate
rollingUpdate:
  maxUnavailable: 0
  maxSurge: 1
{{- end }}
{{- end }}
