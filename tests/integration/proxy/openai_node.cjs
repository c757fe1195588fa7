// What a program with OpenAI's SDK for Node does, against OPENAI_BASE_URL. Prints its answers as one JSON object.
const OpenAI = require("openai");

const messages = [{ role: "user", content: "Why?" }];
const parameters = { type: "object", properties: { location: { type: "string" } } };

async function main() {
  const client = new OpenAI({ maxRetries: 1 });
  const answers = {};

  const chat = await client.chat.completions.create({ model: "gpt-4o", messages });
  answers.chat = chat.choices[0].message.content;

  answers.streamedChat = "";
  for await (const chunk of await client.chat.completions.create({ model: "gpt-4o", messages, stream: true })) {
    answers.streamedChat += chunk.choices[0]?.delta?.content ?? "";
  }

  const tools = [{ type: "function", name: "get_weather", parameters, strict: false }];
  const called = await client.responses.create({ model: "gpt-4o", input: "Why?", tools });
  answers.tool = called.output[0].name;

  const stream = client.responses.stream({ model: "gpt-4o", input: "Why?" });
  answers.response = (await stream.finalResponse()).output_text;

  const embeddings = await client.embeddings.create({ model: "text-embedding-3-small", input: "Why?" });
  answers.dimensions = embeddings.data[0].embedding.length;

  const file = await OpenAI.toFile(Buffer.from("{}\n"), "in.jsonl");
  answers.bytes = (await client.files.create({ file, purpose: "batch" })).bytes;

  const limited = { headers: { "x-fake": "status=429" } };
  answers.error = await client.responses.create({ model: "gpt-4o", input: "Why?" }, limited).catch((error) => error.code);

  console.log(JSON.stringify(answers));
}

main();
