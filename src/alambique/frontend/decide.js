// From the logits of a text to an answer, as `alambique predict` gives it. facts: label_names, task, thresholds of export.json.

export function decide(values, facts) {
  return facts.task === "multi_label" ? labelsOf(values, facts) : labelOf(values, facts);
}

// a sigmoid for each label, and those that reach their thresholds, the most probable first
function labelsOf(values, { label_names, thresholds }) {
  const scores = Object.fromEntries(label_names.map((label, place) => [label, 1 / (1 + Math.exp(-values[place]))]));
  const labels = label_names.filter((label) => scores[label] >= thresholds[label]);
  return { labels: labels.sort((one, other) => scores[other] - scores[one]), scores };
}

// a softmax, and the most probable label; with thresholds, a label that reaches its own, else the best of those without
function labelOf(values, { label_names, thresholds = {} }) {
  const most = Math.max(...values), powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b);
  const scores = Object.fromEntries(label_names.map((label, place) => [label, powers[place] / sum]));
  const reached = label_names.filter((label) => scores[label] >= thresholds[label]);
  const among = reached.length ? reached : label_names.filter((label) => !(label in thresholds));
  const label = among.reduce((one, other) => (scores[other] > scores[one] ? other : one));
  return { label, probability: scores[label], scores };
}
