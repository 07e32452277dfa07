// What to say about the picture. Pure: everything comes in as an argument.

export const OLD_MS = 3000;

const STATE_WORDS = {connecting: "connecting", stalled: "sends no pictures", lost: "connection lost, trying again"};

// {level: "error" | "warning" | "note", text}, worst first.
export function notices({connected, reason, header, status, ageMs}) {
  const found = [];
  const add = (level, text) => found.push({level, text});
  if (!connected) {
    add("error", reason ? `No connection (${reason}). Trying again.` : "No connection to the server. Trying again.");
    return found;
  }
  const cameras = Object.entries(status?.sources ?? {}).filter(([, state]) => state !== "live");
  const away = Object.fromEntries(cameras.map(([role, state]) => [role, STATE_WORDS[state] ?? state]));
  const old = header && ageMs > OLD_MS;
  const why = (role) => (away[role] ? ` (${away[role]})` : "");
  if (!header || old) {
    const both = Object.entries(away).map(([role, words]) => `${role}: ${words}`);
    const what = old ? "No new pictures come" : "No picture yet";
    add("error", both.length ? `${what}. ${capital(both.join("; "))}.` : `${what}.`);
  } else if (header.degraded === "infrared_missing") {
    add("error", `Infrared missing, visible only${why("infrared")}.`);
  } else if (header.degraded === "visible_missing") {
    add("error", `Visible missing, infrared only${why("visible")}.`);
  }
  for (const [output, problem] of Object.entries(status?.lost_outputs ?? {})) {
    add("error", `Output lost: ${problem.includes(output) ? problem : `${output}: ${problem}`}`);
  }
  const alignment = header?.alignment ?? status?.alignment;
  if (alignment?.state === "knocked") {
    add("warning", "A camera was knocked: infrared no longer lies on visible.");
  }
  if (header?.timing?.state === "apart") {
    add("warning", "The cameras' times are further apart than configured.");
  }
  if (header && !old && header.degraded === "infrared_frozen") {
    add("note", "Infrared pauses: its shutter is closed.");
  }
  if (header && !old && header.prior && header.prior.caption !== "clear") {
    add("note", capital(header.prior.caption));
  }
  return found;
}

// {state: "live" | "old" | "connecting", text} of the lamp beside the name.
export function lamp({connected, header, ageMs}) {
  if (!header) return {state: "connecting", text: connected ? "Waiting" : "Connecting"};
  if (!connected || ageMs > OLD_MS) return {state: "old", text: "Not live"};
  return {state: "live", text: "Live"};
}

export function duration(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return `${Math.round(s / 3600)} h`;
}

const ALIGNMENT_WORDS = {
  learning: "learning this scene", aligned: "holds", knocked: "a camera was knocked", cannot_tell: "cannot be told now",
};
const TIMING_WORDS = {
  learning: "being learnt", holds: "holds", apart: "differs from what is set", cannot_tell: "cannot be told now",
};

// Pairs of name and text for the list of facts.
export function facts({header, status}) {
  const found = [];
  const add = (name, text) => found.push([name, text]);
  if (header) {
    add("Picture", `${header.width} × ${header.height}, ${header.mode}`);
    add("Hampered by", header.prior ? capital(header.prior.caption === "clear" ? "nothing" : header.prior.caption) : "–");
  }
  if (status) {
    for (const role of ["infrared", "visible"]) {
      const state = status.sources?.[role];
      const again = status.reconnects?.[role] ?? 0;
      const words = state === undefined || state === "live" ? "live" : STATE_WORDS[state] ?? state;
      add(capital(role), again ? `${words}, reconnected ${again} ${again === 1 ? "time" : "times"}` : words);
    }
    if (status.alignment) add("Alignment", scored(ALIGNMENT_WORDS, status.alignment.state, status.alignment.score));
    if (status.timing) {
      const offset = `${Math.round(status.timing.offset_ms)} ms`;
      add("Time between", `${offset}, ${TIMING_WORDS[status.timing.state] ?? status.timing.state}`);
    }
    const delay = status.capture_to_publish_ms;
    if (delay) add("Delay here", `${Math.round(delay.p50)} ms (99 %: ${Math.round(delay.p99)} ms)`);
    const out = status.frames_out ?? 0;
    if (status.frames_out !== undefined) add("Pictures", `${out.toLocaleString("en")} in ${duration(1000 * status.elapsed_s)}`);
    const dropped = Object.values(status.dropped ?? {}).reduce((a, b) => a + b, 0);
    add("Dropped", dropped.toLocaleString("en"));
    if (status.degraded_frames) add("One camera only", `${share(status.degraded_frames, out)} of the pictures`);
    const lost = Object.keys(status.lost_outputs ?? {});
    if (lost.length) add("Outputs lost", lost.join(", "));
  }
  return found;
}

function scored(words, state, score) {
  const text = words[state] ?? state;
  return score === null || score === undefined ? text : `${text} (${score.toFixed(2)})`;
}

function share(part, whole) {
  return whole ? `${((100 * part) / whole).toFixed(1)} %` : "–";
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
