{{/* Pod settings that hold for every pod of the release. Takes a dict: root, user (uid and gid of its image). */}}
{{- define "llmflow.pod" -}}
serviceAccountName: {{ include "llmflow.serviceAccount" .root }}
automountServiceAccountToken: false
# Variables named after Services would be taken for settings.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  {{- /* Not each file of a volume at each start. */}}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "llmflow.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The certificates of own authorities, where `ca_file` and PGSSLROOTCERT expect them. */}}
{{- define "llmflow.authorities.mount" -}}
{{- if .Values.authorities.existingSecret -}}
- name: authorities
  mountPath: /etc/llmflow-authorities
  readOnly: true
{{- end -}}
{{- end -}}

{{- define "llmflow.authorities.volume" -}}
{{- with .Values.authorities -}}
{{- if .existingSecret -}}
- name: authorities
  secret:
    secretName: {{ .existingSecret }}
    items:
      - {key: {{ .existingSecretKey | quote }}, path: ca.crt}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A stateless service. Takes a dict: root, component, values (its block of values.yaml), user, grace (seconds to
     finish what is in flight), ports (list of name and number), health (name of the port with the probes), ready (path
     of the readiness probe), env (rendered list), restartWith (values it learns through a Secret: a change of them
     restarts it), state (a folder for what outlives the container, though not the pod), files (a folder with what the
     component's ConfigMap holds). */}}
{{- define "llmflow.deployment" -}}
{{- $autoscaled := and .values.autoscaling .values.autoscaling.enabled -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "llmflow.metadata" . | nindent 2 }}
spec:
  {{- if not $autoscaled }}
  replicas: {{ .values.replicas }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "llmflow.selector" . | nindent 6 }}
  strategy:
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  template:
    metadata:
      labels:
        {{- include "llmflow.labels" . | nindent 8 }}
      {{- $restart := empty .restartWith | ternary dict (dict "checksum/values" (toJson .restartWith | sha256sum)) }}
      {{- with merge $restart .root.Values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "llmflow.pod" . | nindent 6 }}
      terminationGracePeriodSeconds: {{ .grace }}
      {{- with .values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "llmflow.image" . | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          ports:
            {{- range .ports }}
            - name: {{ .name }}
              containerPort: {{ .number }}
            {{- end }}
          {{- with .env }}
          env:
            {{- . | trim | nindent 12 }}
            {{- include "llmflow.env.more" $.values.env | nindent 12 }}
          {{- end }}
          {{- with .values.envFrom }}
          envFrom:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          startupProbe:
            httpGet: {path: /healthz, port: {{ .health }}}
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /healthz, port: {{ .health }}}
            periodSeconds: 10
            timeoutSeconds: 5
          readinessProbe:
            httpGet: {path: {{ .ready }}, port: {{ .health }}}
            periodSeconds: 5
            timeoutSeconds: 5
          {{- if eq .health "http" }}
          lifecycle:
            preStop:
              # Until the endpoints have heard that this pod is going, calls still come.
              sleep: {seconds: 5}
          {{- end }}
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          securityContext:
            {{- include "llmflow.containerSecurity" . | nindent 12 }}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
            {{- with .state }}
            - name: state
              mountPath: {{ . }}
            {{- end }}
            {{- with .files }}
            - name: files
              mountPath: {{ . }}
              readOnly: true
            {{- end }}
            {{- include "llmflow.authorities.mount" .root | nindent 12 }}
      volumes:
        - name: tmp
          emptyDir: {}
        {{- include "llmflow.authorities.volume" .root | nindent 8 }}
        {{- if .state }}
        - name: state
          emptyDir: {}
        {{- end }}
        {{- if .files }}
        - name: files
          configMap:
            name: {{ include "llmflow.fullname" .root }}-{{ .component }}
        {{- end }}
{{- end -}}

{{/* The Service of a component. Takes a dict: root, component, service (type and annotations), ports (list of name,
     number and optionally protocol). */}}
{{- define "llmflow.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "llmflow.metadata" . | nindent 2 }}
  {{- with .service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .service.type }}
  selector:
    {{- include "llmflow.selector" . | nindent 4 }}
  ports:
    {{- range .ports }}
    - name: {{ .name }}
      port: {{ .number }}
      targetPort: {{ .name }}
      appProtocol: {{ default "http" .protocol }}
    {{- end }}
{{- end -}}

{{/* Keeps all but one pod of a component that has several. Takes a dict: root, component, values. */}}
{{- define "llmflow.disruptionBudget" -}}
{{- $replicas := .values.replicas -}}
{{- if and .values.autoscaling .values.autoscaling.enabled -}}
{{- $replicas = .values.autoscaling.minReplicas -}}
{{- end -}}
{{- if gt (int $replicas) 1 -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "llmflow.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "llmflow.selector" . | nindent 6 }}
{{- end -}}
{{- end -}}

{{/* Takes a dict: root, component, values. */}}
{{- define "llmflow.autoscaler" -}}
{{- if .values.autoscaling.enabled -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "llmflow.metadata" . | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "llmflow.fullname" .root }}-{{ .component }}
  minReplicas: {{ .values.autoscaling.minReplicas }}
  maxReplicas: {{ .values.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ .values.autoscaling.targetCPU }}
{{- end -}}
{{- end -}}
