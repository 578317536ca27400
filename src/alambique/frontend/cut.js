// Long texts are cut as Python's tokenizers cut them. transformers.js would drop the end, its closing marks too.

// whole: {input_ids, …} with the marks around the texts; texts: the ids of each text alone; most: tokens that are kept;
// side: the end of each text that is cut off, "right" or "left"
export function cut(whole, texts, most, side = "right") {
  const excess = whole.input_ids.length - most;
  if (excess <= 0) {
    return whole;
  }
  const sizes = texts.map((ids) => ids.length);
  const room = most - (whole.input_ids.length - sizes.reduce((a, b) => a + b));
  const kept = sizes.length === 1 ? [room] : shares(...sizes, room);
  const away = new Set();
  let from = 0;
  texts.forEach((ids, text) => {
    from = find(whole.input_ids, ids, from);
    const first = side === "left" ? from : from + kept[text];
    for (let place = first; place < first + ids.length - kept[text]; place += 1) {
      away.add(place);
    }
    from += ids.length;
  });
  return Object.fromEntries(Object.entries(whole).map(([name, values]) => [name, values.filter((_, at) => !away.has(at))]));
}

// The longer of a pair is cut first, down to the shorter; then both.
function shares(first, second, room) {
  const shorter = Math.min(first, second), half = Math.floor(room / 2);
  const [less, more] = shorter <= half ? [shorter, room - shorter] : [half, room - half];
  return first > second ? [more, less] : [less, more];
}

// Filled up to as many tokens as the graph reads at least. A text without tokens is one padding token that counts as text.
export function fill(encoded, { shortest = 2, padding = {}, padding_side = "right" } = {}) {
  const filler = (name) => (name === "attention_mask" ? 0 : padding[name] ?? 0);
  const started = Object.fromEntries(Object.entries(encoded).map(([name, values]) =>
    [name, values.length ? values : [name === "input_ids" ? filler(name) : Number(name === "attention_mask")]]));
  const lacking = Math.max(0, shortest - started.input_ids.length);
  return Object.fromEntries(Object.entries(started).map(([name, values]) => {
    const fillers = Array(lacking).fill(filler(name));
    return [name, padding_side === "left" ? [...fillers, ...values] : [...values, ...fillers]];
  }));
}

function find(ids, wanted, from) {
  let place = from;
  while (!wanted.every((id, at) => ids[place + at] === id)) {
    place += 1;
  }
  return place;
}
