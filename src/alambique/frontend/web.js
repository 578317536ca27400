import { show, tell } from "./bars.js";
import { openStudent } from "./student.js";

const place = Object.fromEntries(["form", "first", "second", "send", "about", "problem", "result", "said", "table", "times"]
  .map((name) => [name, document.getElementById(name)]));

async function start() {
  const begun = performance.now();
  const student = await openStudent();
  const { facts } = student, seconds = ((performance.now() - begun) / 1000).toFixed(1);
  place.about.textContent = `The student, ${(facts.bytes / 1e6).toFixed(1)} MB in 8 bits, was loaded in ${seconds} s. `
    + `${facts.label_names.length} labels.`;
  if (facts.pairs) {
    document.getElementById("first-label").textContent = "First text";
    for (const hidden of [place.second, document.querySelector("label[for=second]")]) {
      hidden.hidden = false;
    }
  }
  place.send.removeAttribute("aria-disabled");
  return student;
}

export const started = start();
started.catch((error) => {
  place.about.textContent = "";
  tell(place, `The model cannot be loaded: ${error.message}`);
});

async function classify() {
  if (place.send.getAttribute("aria-disabled") === "true") {
    return;
  }
  place.send.setAttribute("aria-disabled", "true");
  tell(place, "");
  try {
    const { facts, classify: run } = await started;
    const begun = performance.now();
    const answer = await run(place.first.value, place.second.value);
    const times = { "in your browser": performance.now() - begun };
    show(place, facts.label_names, [{ role: "student", title: "Student", ...answer, times }]);
  } catch (error) {
    tell(place, error.message);
  } finally {
    place.send.removeAttribute("aria-disabled");
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
