// The connection to the server: made again whenever it is lost, or says nothing for too long.

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;
const SILENT_MS = 5000; // the server sends its status every second
const PING_MS = 5000;
const KEPT_PINGS = 6;

export class Connection {
  // `on` has open(hello), message(buffer) and closed(reason).
  constructor(on) {
    this.on = on;
    this.socket = null;
    this.wanted = false;
    this.pause = FIRST_PAUSE_MS;
    this.pings = [];
    setInterval(() => this.check(), 1000);
    setInterval(() => this.ping(), PING_MS);
  }

  start() {
    this.wanted = true;
    this.pause = FIRST_PAUSE_MS;
    if (!this.socket) this.connect();
  }

  stop() {
    this.wanted = false;
    this.drop("");
  }

  // Which stream the next connection begins with, or this one goes over to.
  watch(stream) {
    this.stream = stream;
    this.send({watch: stream});
  }

  send(what) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(what));
  }

  // The server's Unix time, milliseconds; null as long as that is not known. It is the server that stamps pictures, and a
  // phone's clock may be minutes off, so the quickest of the last questions for the time says how the clocks differ.
  now() {
    if (!this.pings.length) return null;
    const best = this.pings.reduce((a, b) => (b.took < a.took ? b : a));
    return performance.now() + best.offset;
  }

  connect() {
    clearTimeout(this.timer);
    const address = new URL("/live", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (this.stream) address.searchParams.set("stream", this.stream);
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.heard = performance.now();
    this.pings = [];
    socket.onmessage = (event) => {
      if (socket !== this.socket) return;
      this.heard = performance.now();
      if (typeof event.data !== "string") this.on.message(event.data);
      else this.hear(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.drop(event.reason);
    };
  }

  hear(said) {
    if (said.hello) {
      this.pause = FIRST_PAUSE_MS;
      this.ping();
      this.on.open(said.hello);
    } else if (said.pong !== undefined) {
      const now = performance.now();
      this.pings.push({took: now - said.pong, offset: said.now_ms - (now + said.pong) / 2});
      this.pings = this.pings.slice(-KEPT_PINGS);
    }
  }

  ping() {
    this.send({ping: performance.now()});
  }

  check() {
    if (this.socket && performance.now() - this.heard > SILENT_MS) this.drop("the server does not answer");
  }

  // A connection through a network that has gone would be closed by the browser after minutes only.
  drop(reason) {
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.close();
    this.on.closed(reason);
    if (!this.wanted) return;
    this.timer = setTimeout(() => this.wanted && !this.socket && this.connect(), this.pause * (0.8 + 0.4 * Math.random()));
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
    this.signedOut();
  }

  // A page whose session has run out cannot see why its connection was refused.
  async signedOut() {
    try {
      if ((await fetch("/status.json")).status === 401) location.assign("/login");
    } catch {
      // The server is away: the next attempt says more.
    }
  }
}
