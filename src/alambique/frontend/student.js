// The exported student, run here: from texts to probabilities, as Python gives them from the same file at batch 1.

import { AutoModelForSequenceClassification, AutoTokenizer, env, PreTrainedModel, Tensor } from "./lib/transformers.min.js";
import { cut, fill } from "./cut.js";
import { decide } from "./decide.js";

const here = new URL("./", import.meta.url).href;
env.allowRemoteModels = false;
env.allowLocalModels = true;
env.localModelPath = new URL(here).pathname; // what has a host in it is not looked for as a local file
env.useBrowserCache = false; // it would go on with an old model after a new export; the browser's own cache asks
env.useWasmCache = false;
env.backends.onnx.wasm.numThreads = 1; // more need headers that a static host does not send
env.backends.onnx.wasm.wasmPaths = {
  mjs: `${here}lib/ort-wasm-simd-threaded.js`,
  wasm: `${here}lib/ort-wasm-simd-threaded.wasm`,
};

// Of an architecture that transformers.js does not know, such as the static student's, the graph is run as it is.
async function kind() {
  const { model_type } = await (await fetch(`${here}model/config.json`)).json();
  return AutoModelForSequenceClassification.supports(model_type) ? AutoModelForSequenceClassification : PreTrainedModel;
}

export async function openStudent() {
  const answer = await fetch(`${here}model/facts.json`);
  if (!answer.ok) {
    throw new Error("model/facts.json is missing: the folder is not whole. Copy it again.");
  }
  const facts = await answer.json();
  const tokenizer = await AutoTokenizer.from_pretrained("model");
  const model = await (await kind()).from_pretrained("model", { dtype: "q8", device: "wasm" });

  // What the model reads of one text, or of a pair: {input_ids, attention_mask, …}, each an array
  function encode(first, second) {
    const options = { return_tensor: false, return_token_type_ids: true };
    const alone = (text) => tokenizer(text, { ...options, add_special_tokens: false }).input_ids;
    const texts = facts.pairs ? [first, second] : [first];
    const whole = tokenizer(first, facts.pairs ? { ...options, text_pair: second } : options);
    return fill(cut(whole, texts.map(alone), facts.max_length, facts.model_inputs?.truncation_side), facts.model_inputs);
  }

  async function classify(first, second) {
    const inputs = Object.fromEntries(Object.entries(encode(first, second)).map(([name, values]) =>
      [name, new Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length])]));
    const { logits } = await model(inputs);
    return decide(Array.from(logits.data), facts);
  }

  await classify("a", "a"); // the first run is slower, and nobody's
  return { facts, encode, classify };
}
