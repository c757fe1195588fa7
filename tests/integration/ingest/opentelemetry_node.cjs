// What a program with OpenTelemetry's SDK for Node sends to OTEL_EXPORTER_OTLP_ENDPOINT: each signal in JSON and in
// protobuf (compressed), and a span to Zipkin's URL. Fails when an export does. Prints the ids of the traces.
const { context, trace } = require("@opentelemetry/api");
const { CompressionAlgorithm } = require("@opentelemetry/otlp-exporter-base");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchLogRecordProcessor, LoggerProvider } = require("@opentelemetry/sdk-logs");
const { MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");
const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");
const { ZipkinExporter } = require("@opentelemetry/exporter-zipkin");

const endpoint = process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
const resource = resourceFromAttributes({ "service.name": "node-app" });
const failures = [];

function watched(exporter) {
  const send = exporter.export.bind(exporter);
  exporter.export = (items, done) =>
    send(items, (result) => {
      if (result.code !== 0) failures.push(String(result.error));
      done(result);
    });
  return exporter;
}

async function send(kind, compression) {
  const of = (signal, name) => {
    const { [name]: Exporter } = require(`@opentelemetry/exporter-${signal}-otlp-${kind}`);
    const path = signal === "trace" ? "traces" : signal;
    return watched(new Exporter({ url: `${endpoint}/v1/${path}`, compression }));
  };
  const tracing = new NodeTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(of("trace", "OTLPTraceExporter"))],
  });
  const span = tracing.getTracer("test").startSpan(`node ${kind}`);
  span.setAttribute("gen_ai.request.model", "gpt-4o");
  const around = trace.setSpan(context.active(), span);

  const reader = new PeriodicExportingMetricReader({ exporter: of("metrics", "OTLPMetricExporter") });
  const metering = new MeterProvider({ resource, readers: [reader] });
  metering.getMeter("test").createCounter("tokens").add(7, { kind });

  const logging = new LoggerProvider({
    resource,
    processors: [new BatchLogRecordProcessor(of("logs", "OTLPLogExporter"))],
  });
  logging.getLogger("test").emit({ body: `node ${kind}`, context: around });
  span.end();

  await Promise.all([tracing.shutdown(), metering.shutdown(), logging.shutdown()]);
  return span.spanContext().traceId;
}

async function sendZipkin() {
  const exporter = watched(new ZipkinExporter({ url: `${endpoint}/api/v2/spans` }));
  const tracing = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(exporter)] });
  const span = tracing.getTracer("test").startSpan("node zipkin", { kind: 2 });
  span.setAttribute("gen_ai.usage.input_tokens", 12);
  span.addEvent("choice");
  span.setStatus({ code: 2, message: "timeout" });
  span.end();
  await tracing.shutdown();
  return span.spanContext().traceId;
}

async function main() {
  const ids = {
    http: await send("http", CompressionAlgorithm.NONE),
    proto: await send("proto", CompressionAlgorithm.GZIP),
    zipkin: await sendZipkin(),
  };
  if (failures.length) throw new Error(failures.join("; "));
  console.log(JSON.stringify(ids));
}

main();
