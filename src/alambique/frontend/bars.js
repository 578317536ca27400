// Shared by the service's page and the exported one: probabilities as a table with bars, and how long they took.

const percent = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// models: [{role: "student" | "teacher", title, label, probability, scores: {label: probability}, times: {where: milliseconds}}];
// where a text has any number of labels, labels in the place of label and probability
export function show(place, labels, models) {
  place.said.replaceChildren(...models.map((model) => make("p", { className: model.role },
    key(), models.length > 1 ? `${model.title}: ` : "", ...decided(model))));
  place.table.replaceChildren(
    make("caption", { textContent: "Probability of each label" }),
    make("thead", {}, make("tr", {}, head("label"), ...models.map((model) => head(model.title, model.role)))),
    make("tbody", {}, ...labels.map((label) => row(label, models))));
  place.table.className = models.length > 1 ? "two" : "";
  place.times.replaceChildren(...models.map(({ title, times }) => make("div", {}, make("dt", { textContent: title }),
    make("dd", { textContent: Object.entries(times).map(([what, time]) => `${milliseconds(time)} ${what}`).join(", ") }))));
  place.result.hidden = false;
}

function given(model) {
  return model.labels ?? [model.label];
}

function decided(model) {
  const names = given(model).flatMap((label, place) => [
    place ? "; " : "", make("b", { dir: "auto", textContent: label }), `, ${percent.format(model.scores[label])}`]);
  return names.length ? names : [make("b", { textContent: "no label" })];
}

export function tell(place, message) {
  place.problem.textContent = message;
  place.problem.hidden = !message;
}

function key() {
  const mark = make("span", { className: "key" });
  mark.setAttribute("aria-hidden", "true");
  return mark;
}

function head(text, role) {
  const cell = make("th", { scope: "col", className: role ?? "" }, ...(role ? [key()] : []), text);
  return cell;
}

function row(label, models) {
  return make("tr", {}, make("th", { scope: "row", dir: "auto", textContent: label }), ...models.map((model) => {
    const value = model.scores[label], fill = make("span", { className: "fill" }), track = make("span", { className: "track" }, fill);
    fill.style.width = `${100 * value}%`;
    track.setAttribute("aria-hidden", "true");
    const figure = make("span", { className: "figure", textContent: percent.format(value) });
    return make("td", { className: `${model.role}${given(model).includes(label) ? " best" : ""}` }, make("span", { className: "bar" }, track, figure));
  }));
}

function milliseconds(time) {
  return `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
}
