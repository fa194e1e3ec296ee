// One message by the official Anthropic SDK, printed as one line of JSON. What the test knows comes from here alone.
//
//   node messages.mjs --text TEXT [--model MODEL] [--system TEXT] [--stream] [--header NAME=VALUE]... [--more JSON]
//
// --more: further members of the request's body, such as tools.
// Environment: ANTHROPIC_BASE_URL, ANTHROPIC_API_KEY (any), COSTWARD_NODE_DIR (where node_modules is).
// Prints {text, chunks, tools, finish, model, usage, status, headers, retries, error}.

import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";

const require = createRequire(join(process.env.COSTWARD_NODE_DIR ?? process.cwd(), "package.json"));
const { Anthropic } = require("@anthropic-ai/sdk");

const { values: args } = parseArgs({
  options: {
    text: { type: "string" },
    model: { type: "string", default: "claude-haiku-4-5" },
    system: { type: "string" },
    stream: { type: "boolean", default: false },
    header: { type: "string", multiple: true, default: [] },
    more: { type: "string", default: "{}" },
  },
});

let calls = 0;
const client = new Anthropic({
  // Counting is all that it does: the SDK's own retry rules are part of what is tested.
  fetch: (...call) => {
    calls += 1;
    return fetch(...call);
  },
});

const WATCHED = /^(x-costward-|age$|cache-status$|content-type$|retry-after$|x-should-retry$)/;
const watched = (headers) => Object.fromEntries([...(headers ?? [])].filter(([name]) => WATCHED.test(name)));

const body = {
  model: args.model,
  max_tokens: 1000,
  messages: [{ role: "user", content: args.text }],
  ...(args.system ? { system: args.system } : {}),
  ...JSON.parse(args.more),
};
const headers = Object.fromEntries(args.header.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));

function told(message) {
  const tools = message.content.filter((block) => block.type === "tool_use");
  return {
    text: message.content.map((block) => block.text ?? "").join(""),
    tools: tools.map((block) => ({ name: block.name, arguments: JSON.stringify(block.input) })),
    finish: message.stop_reason,
    model: message.model,
    usage: message.usage,
  };
}

async function whole() {
  const { data, response } = await client.messages.create(body, { headers }).withResponse();
  return { ...told(data), chunks: 1, status: response.status, headers: watched(response.headers) };
}

async function streamed() {
  const stream = client.messages.stream(body, { headers });
  let chunks = 0;
  stream.on("text", () => (chunks += 1));
  const { response } = await stream.withResponse();
  const message = await stream.finalMessage();
  return { ...told(message), chunks, status: response.status, headers: watched(response.headers) };
}

function failed(error) {
  const { status = null, type = null, message } = error;
  const kind = error.constructor?.name ?? null;
  return { text: null, chunks: 0, status, headers: watched(error.headers), error: { status, type, kind, message } };
}

const result = await (args.stream ? streamed() : whole()).catch(failed);
console.log(JSON.stringify({ error: null, ...result, retries: Math.max(calls - 1, 0) }));
