{{/* What every Python service is told. */}}
{{- define "llmflow.env.common" -}}
{{- if .Values.verbose }}
- name: VERBOSE
  value: "1"
{{- end }}
{{- end -}}

{{/* Settings from the values. Takes a map. */}}
{{- define "llmflow.env.more" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* Where the message log is. */}}
{{- define "llmflow.env.bus" -}}
{{- $external := .Values.kafka.external }}
- name: LLMFLOW_BUS_URL
{{- if and $external.enabled $external.existingSecret }}
  valueFrom:
    secretKeyRef:
      name: {{ $external.existingSecret }}
      key: {{ $external.existingSecretKey }}
{{- else if $external.enabled }}
  value: {{ $external.url | quote }}
{{- else }}
  value: kafka://{{ include "llmflow.fullname" . }}-kafka:9092?partitions={{ .Values.kafka.partitions }}
{{- end }}
{{- end -}}

{{/* The secret that the services ask for the API keys with. */}}
{{- define "llmflow.env.keysToken" -}}
- name: LLMFLOW_KEYS_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "llmflow.keysSecret" . }}
      key: token
{{- end -}}

{{/* Where a service asks the query API for what is administered there. */}}
{{- define "llmflow.env.keysUrl" -}}
{{ include "llmflow.env.keysToken" . }}
- name: LLMFLOW_KEYS_URL
  value: http://{{ include "llmflow.fullname" . }}-query-api:3000
{{- end -}}

{{/* What encrypts the secrets that are kept in the database. */}}
{{- define "llmflow.env.secretKey" -}}
- name: LLMFLOW_SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "llmflow.keysSecret" . }}
      key: secretKey
      optional: true
{{- end -}}

{{/* Where a service that checks API keys finds them. */}}
{{- define "llmflow.env.keys" -}}
{{ include "llmflow.env.keysUrl" . }}
{{- if .Values.keys.required }}
- name: LLMFLOW_KEYS_REQUIRED
  value: "1"
{{- end }}
{{- end -}}

{{/* Where the database is. The password is apart from the URL, where some characters would have to be escaped. */}}
{{- define "llmflow.env.database" -}}
{{- $external := .Values.timescaledb.external }}
- name: LLMFLOW_DATABASE_URL
{{- if $external.enabled }}
  {{- with $external }}
  value: postgresql://{{ .username }}@{{ .host }}:{{ .port }}/{{ .database }}?sslmode={{ .sslMode }}
  {{- end }}
{{- else }}
  value: postgresql://llmflow@{{ include "llmflow.fullname" . }}-timescaledb:5432/llmflow
{{- end }}
{{- if and $external.enabled (hasPrefix "verify" $external.sslMode) }}
- name: PGSSLROOTCERT
  value: {{ empty .Values.authorities.existingSecret | ternary "/etc/ssl/certs/ca-certificates.crt" "/etc/llmflow-authorities/ca.crt" }}
{{- end }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "llmflow.databaseSecret" . }}
      key: {{ $external.enabled | ternary $external.existingSecretKey "password" }}
{{- end -}}
