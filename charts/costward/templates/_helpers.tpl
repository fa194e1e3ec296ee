{{/* 63 characters is what a label takes; the longest suffix here is "-operator-delivery". */}}
{{- define "costward.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 44 | trimSuffix "-" -}}
{{- end -}}

{{- define "costward.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 44 | trimSuffix "-" -}}
{{- else if contains (include "costward.name" .) .Release.Name -}}
{{- .Release.Name | trunc 44 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "costward.name" .) | trunc 44 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Never changes in a release's life, as a Deployment's selector cannot. Takes (list $ COMPONENT). */}}
{{- define "costward.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "costward.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Of every object. Takes (list $ COMPONENT). */}}
{{- define "costward.labels" -}}
{{- $root := index . 0 -}}
{{ include "costward.selectorLabels" . }}
app.kubernetes.io/part-of: costward
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A digest wins over a tag. Takes (list $ IMAGE). */}}
{{- define "costward.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $repository := $image.repository -}}
{{- if $image.registry -}}{{- $repository = printf "%s/%s" $image.registry $repository -}}{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default $root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What Pod Security `restricted` asks of a pod. */}}
{{- define "costward.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* What it asks of a container, and a root filesystem that nobody writes to. */}}
{{- define "costward.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where the pods of a component run. Takes (list $ COMPONENT VALUES). */}}
{{- define "costward.placement" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
enableServiceLinks: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "costward.selectorLabels" (list $root (index $ 1)) | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "costward.deliverySecret" -}}
{{- if .Values.certificates.issuer -}}
{{- include "costward.fullname" . }}-delivery
{{- else -}}
{{- required "certificates.deliverySecret: name a Secret with tls.crt, tls.key and ca.crt, or set certificates.issuer to an issuer of cert-manager: policies are delivered over TLS only" .Values.certificates.deliverySecret -}}
{{- end -}}
{{- end -}}

{{- define "costward.hopSecret" -}}
{{- if .Values.certificates.issuer -}}
{{- include "costward.fullname" . }}-hop
{{- else -}}
{{- required "certificates.hopSecret: name a Secret with tls.crt, tls.key and ca.crt, or set certificates.issuer to an issuer of cert-manager: whoever reached the port without mutual TLS could store answers for others" .Values.certificates.hopSecret -}}
{{- end -}}
{{- end -}}
