import { show, tell } from "./bars.js";

const place = Object.fromEntries(["form", "first", "second", "send", "about", "problem", "result", "said", "table", "times"]
  .map((name) => [name, document.getElementById(name)]));
const service = fetch("healthz").then((answer) => answer.json());

service.then((facts) => {
  const file = { int8: "in 8 bits", onnx: "in fp32, by ONNX Runtime", torch: "in PyTorch" }[facts.model];
  place.about.textContent = `The student, ${file}${facts.teacher ? ", and its teacher" : ""}. ${facts.label_names.length} labels.`;
  for (const box of [place.first, place.second]) {
    box.maxLength = facts.limits.characters;
  }
  if (facts.pairs) {
    document.getElementById("first-label").textContent = "First text";
    for (const hidden of [place.second, document.querySelector("label[for=second]")]) {
      hidden.hidden = false;
    }
  }
}).catch(() => tell(place, "The service does not answer."));

async function ask(role, facts) {
  const text = facts.pairs ? [place.first.value, place.second.value] : place.first.value;
  const begun = performance.now();
  const answer = await fetch("predict", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ text, model: role }),
  });
  const content = await answer.json();
  const whole = performance.now() - begun;
  if (!answer.ok) {
    throw new Error(content.detail);
  }
  const [, model] = /model;dur=([\d.]+)/.exec(answer.headers.get("Server-Timing"));
  const title = role === "student" ? "Student" : "Teacher";
  return { role, title, ...content, times: { "in the model": Number(model), "with the request": whole } };
}

async function classify() {
  if (place.send.getAttribute("aria-disabled") === "true") {
    return;
  }
  place.send.setAttribute("aria-disabled", "true");
  tell(place, "");
  try {
    const facts = await service;
    const models = [await ask("student", facts)];
    show(place, facts.label_names, models);
    if (facts.teacher) { // after the student: side by side they would take each other's time
      place.send.textContent = "Asking the teacher…";
      models.push(await ask("teacher", facts));
      show(place, facts.label_names, models);
    }
  } catch (error) {
    tell(place, error instanceof TypeError ? "The service does not answer." : error.message);
  } finally {
    place.send.removeAttribute("aria-disabled");
    place.send.textContent = "Classify";
  }
}

place.form.addEventListener("submit", (event) => {
  event.preventDefault();
  classify();
});
place.form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    place.form.requestSubmit();
  }
});
