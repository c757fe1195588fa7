{{/* The release's name for its objects; short enough that every suffix still fits into 63 characters. */}}
{{- define "llmflow.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels that choose all pods of the release. */}}
{{- define "llmflow.instance" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels that choose a component's pods; they never change. Takes a dict: root, component. */}}
{{- define "llmflow.selector" -}}
{{ include "llmflow.instance" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* All labels of a component's objects. Takes a dict: root, component. */}}
{{- define "llmflow.labels" -}}
{{ include "llmflow.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: llmflow
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The metadata of a component's main object. Takes a dict: root, component. */}}
{{- define "llmflow.metadata" -}}
name: {{ include "llmflow.fullname" .root }}-{{ .component }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "llmflow.labels" . | nindent 2 }}
{{- end -}}

{{- define "llmflow.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "llmflow.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The image of one of LLMFlow's own services. Takes a dict: root, component. */}}
{{- define "llmflow.image" -}}
{{- $image := .root.Values.image -}}
{{- with $image.registry }}{{ . }}/{{ end -}}
{{- printf "%s/%s:%s" $image.repository .component (default .root.Chart.AppVersion $image.tag) -}}
{{- end -}}

{{- define "llmflow.authSecret" -}}
{{- default (printf "%s-auth" (include "llmflow.fullname" .)) .Values.auth.existingSecret -}}
{{- end -}}

{{- define "llmflow.keysSecret" -}}
{{- default (printf "%s-keys" (include "llmflow.fullname" .)) .Values.keys.existingSecret -}}
{{- end -}}

{{- define "llmflow.databaseSecret" -}}
{{- $own := printf "%s-timescaledb" (include "llmflow.fullname" .) -}}
{{- if .Values.timescaledb.external.enabled -}}
{{- default $own .Values.timescaledb.external.existingSecret -}}
{{- else -}}
{{- default $own .Values.timescaledb.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* A password that stays: the one given, else the one that the cluster holds, else a new one. Takes a dict: root,
     secret, given, and key where that is not password. */}}
{{- define "llmflow.password" -}}
{{- $key := default "password" .key -}}
{{- $held := lookup "v1" "Secret" .root.Release.Namespace .secret -}}
{{- if .given -}}
{{- .given -}}
{{- else if and $held (hasKey $held.data $key) -}}
{{- index $held.data $key | b64dec -}}
{{- else -}}
{{- randAlphaNum 32 -}}
{{- end -}}
{{- end -}}
