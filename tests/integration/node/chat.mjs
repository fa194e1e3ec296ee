// One chat completion by the official SDK, printed as one line of JSON. What the test knows comes from here alone.
//
//   node chat.mjs --text TEXT [--model MODEL] [--system TEXT] [--stream] [--header NAME=VALUE]... [--more JSON]
//
// --more: further members of the request's body, such as tools; a null takes one away.
// Environment: OPENAI_BASE_URL, OPENAI_API_KEY (any), COSTWARD_NODE_DIR (where node_modules is).
// Prints {text, chunks, choiceless, tools, finish, model, usage, status, headers, retries, error}.

import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";

const require = createRequire(join(process.env.COSTWARD_NODE_DIR ?? process.cwd(), "package.json"));
const { OpenAI } = require("openai");

const { values: args } = parseArgs({
  options: {
    text: { type: "string" },
    model: { type: "string", default: "gpt-5-mini" },
    system: { type: "string" },
    stream: { type: "boolean", default: false },
    header: { type: "string", multiple: true, default: [] },
    more: { type: "string", default: "{}" },
  },
});

let calls = 0;
const client = new OpenAI({
  apiKey: process.env.OPENAI_API_KEY ?? "sk-none",
  // Counting is all that it does: the SDK's own retry rules are part of what is tested.
  fetch: (...call) => {
    calls += 1;
    return fetch(...call);
  },
});

const WATCHED = /^(x-costward-|age$|cache-status$|content-type$|retry-after$|x-should-retry$)/;
const watched = (headers) => Object.fromEntries([...(headers ?? [])].filter(([name]) => WATCHED.test(name)));

const messages = [
  ...(args.system ? [{ role: "system", content: args.system }] : []),
  { role: "user", content: args.text },
];
const more = Object.entries({
  ...(args.stream ? { stream_options: { include_usage: true } } : {}),
  ...JSON.parse(args.more),
});
const body = { model: args.model, messages, ...Object.fromEntries(more.filter(([, value]) => value !== null)) };
const called = (calls) => (calls ?? []).map((call) => ({ name: call.function.name, arguments: call.function.arguments }));
const headers = Object.fromEntries(args.header.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));

async function whole() {
  const { data, response } = await client.chat.completions
    .create(body, { headers })
    .withResponse();
  const [choice] = data.choices;
  return {
    text: choice.message.content,
    chunks: 1,
    tools: called(choice.message.tool_calls),
    finish: choice.finish_reason,
    model: data.model,
    usage: data.usage ?? null,
    status: response.status,
    headers: watched(response.headers),
  };
}

async function streamed() {
  const { data, response } = await client.chat.completions
    .create({ ...body, stream: true }, { headers })
    .withResponse();
  const seen = { text: "", chunks: 0, choiceless: 0, finish: null, model: null, usage: null };
  const tools = [];
  for await (const chunk of data) {
    seen.chunks += 1;
    seen.choiceless += chunk.choices.length === 0;
    seen.model = chunk.model;
    seen.usage = chunk.usage ?? seen.usage;
    seen.text += chunk.choices[0]?.delta?.content ?? "";
    for (const { index, function: piece } of chunk.choices[0]?.delta?.tool_calls ?? []) {
      tools[index] ??= { name: piece.name, arguments: "" };
      tools[index].arguments += piece.arguments ?? "";
    }
    seen.finish = chunk.choices[0]?.finish_reason ?? seen.finish;
  }
  return { ...seen, tools, status: response.status, headers: watched(response.headers) };
}

function failed(error) {
  const { status = null, type = null, code = null, message } = error;
  return { text: null, chunks: 0, status, headers: watched(error.headers), error: { status, type, code, message } };
}

const result = await (args.stream ? streamed() : whole()).catch(failed);
console.log(JSON.stringify({ error: null, ...result, retries: Math.max(calls - 1, 0) }));
