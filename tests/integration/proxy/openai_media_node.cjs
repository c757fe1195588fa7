// Images and audio with OpenAI's SDK for Node, against OPENAI_BASE_URL. Prints its answers as one JSON object.
const { createHash } = require("node:crypto");
const OpenAI = require("openai");

const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function main() {
  const client = new OpenAI({ maxRetries: 0 });
  const answers = {};

  const picture = { model: "gpt-image-1", prompt: "A cat" };
  const drawn = await client.images.generate(picture);
  answers.image = digest(drawn.data[0].b64_json);
  answers.imageTokens = drawn.usage.total_tokens;

  answers.partialImages = [];
  for await (const event of await client.images.generate({ ...picture, stream: true, partial_images: 1 })) {
    answers.partialImages.push([event.type, digest(event.b64_json)]);
  }

  const image = await OpenAI.toFile(Buffer.from(drawn.data[0].b64_json, "base64"), "cat.png", { type: "image/png" });
  answers.edited = digest((await client.images.edit({ ...picture, image })).data[0].b64_json);

  const speech = await client.audio.speech.create({ model: "gpt-4o-mini-tts", voice: "alloy", input: "Good morning" });
  const sound = Buffer.from(await speech.arrayBuffer());
  answers.speech = [speech.headers.get("content-type"), digest(sound)];

  const spoken = { model: "gpt-4o-mini-tts", voice: "alloy", input: "Good morning", stream_format: "sse" };
  answers.streamedSpeech = digest(await (await client.audio.speech.create(spoken)).text());

  const recording = async () => OpenAI.toFile(sound, "morning.mp3", { type: "audio/mpeg" });
  const heard = { model: "gpt-4o-mini-transcribe" };
  answers.transcription = (await client.audio.transcriptions.create({ ...heard, file: await recording() })).text;

  answers.streamedTranscription = [];
  for await (const event of await client.audio.transcriptions.create({ ...heard, file: await recording(), stream: true })) {
    answers.streamedTranscription.push(event.delta ?? event.text);
  }

  const translation = await client.audio.translations.create({ model: "whisper-1", file: await recording() });
  answers.translation = translation.text;

  console.log(JSON.stringify(answers));
}

main();
