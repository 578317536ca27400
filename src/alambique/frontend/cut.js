// Long texts are cut as Python's tokenizers cut them. transformers.js would drop the end, its closing marks too.

// whole: {input_ids, …} with the marks around the texts; texts: the ids of each text alone; most: tokens that are kept
export function cut(whole, texts, most) {
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
    for (let place = from + kept[text]; place < from + ids.length; place += 1) {
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

function find(ids, wanted, from) {
  let place = from;
  while (!wanted.every((id, at) => ids[place + at] === id)) {
    place += 1;
  }
  return place;
}
