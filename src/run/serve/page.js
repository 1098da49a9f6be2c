
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname);
}
const list = document.getElementById("runs");
async function show() {
  const token = sessionStorage.getItem("token");
  const answer = await fetch("/runs", { headers: { Authorization: "Bearer " + token } });
  const body = await answer.json();
  if (!answer.ok) {
    list.textContent = body.detail;
    return;
  }
  const line = (run) => [run.started, run.state, run.stream, run.label || run.agent || ""].join("  ");
  list.textContent = body.runs.map(line).join("\n") || "none";
}
show();
setInterval(show, 2000);
