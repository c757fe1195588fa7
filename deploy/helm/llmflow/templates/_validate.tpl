{{/* What the schema cannot say. Fails with every problem at once. */}}
{{- define "llmflow.validate" -}}
{{- $problems := list -}}
{{- with .Values.kafka.external -}}
{{- if and .enabled (not .url) (not .existingSecret) -}}
{{- $problems = append $problems
  "kafka.external.enabled needs kafka.external.url (for example kafka://kafka:9092) or kafka.external.existingSecret" -}}
{{- end -}}
{{- if and (not .enabled) (or .url .existingSecret) -}}
{{- $problems = append $problems "kafka.external has an address but kafka.external.enabled is false" -}}
{{- end -}}
{{- end -}}
{{- with .Values.timescaledb.external -}}
{{- if and .enabled (not .host) -}}
{{- $problems = append $problems "timescaledb.external.enabled needs timescaledb.external.host" -}}
{{- end -}}
{{- if and .enabled (not .password) (not .existingSecret) -}}
{{- $problems = append $problems
  "timescaledb.external.enabled needs timescaledb.external.existingSecret (or timescaledb.external.password)" -}}
{{- end -}}
{{- if and (not .enabled) .host -}}
{{- $problems = append $problems "timescaledb.external has a host but timescaledb.external.enabled is false" -}}
{{- end -}}
{{- end -}}
{{- with .Values.ingress -}}
{{- if and .enabled (not .host) -}}
{{- $problems = append $problems "ingress.enabled needs ingress.host" -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.auth.password "password" -}}
{{- $problems = append $problems "auth.password is the one that everybody knows; leave it empty to have one made up" -}}
{{- end -}}
{{- range $name := list "proxy" "ingest" -}}
{{- $scaling := (index $.Values $name).autoscaling -}}
{{- if and $scaling.enabled (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
{{- $problems = append $problems
  (printf "%s.autoscaling.minReplicas is more than %s.autoscaling.maxReplicas" $name $name) -}}
{{- end -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n- %s" (join "\n- " $problems)) -}}
{{- end -}}
{{- end -}}
