// Waits below calls that go through the engine's own functions, and out of it and in again.
const vm = require('vm');

const word = new Int32Array(new SharedArrayBuffer(4));

function sleepHere() {
  return Atomics.wait(word, 0, 0, 2);
}

function* generates() {
  yield sleepHere();
}

class Made {
  constructor() {
    this.made = Array.from(generates());
  }

  get gets() {
    return new Made();
  }
}

function compares(one, other) {
  Made.prototype.gets;
  return one - other;
}

function revives(key, value) {
  return key === '' ? [2, 1].sort(compares) : value;
}

function replaces(found) {
  return JSON.parse('{}', revives).length + found;
}

function applies() {
  return Reflect.apply(String.prototype.replace, 'text', [/x/, replaces]);
}

globalThis.runs = function runs() {
  return [1].map(applies);
};

const script = new vm.Script('runs()');

(async function turn() {
  for (;;) {
    script.runInThisContext();
    await undefined;
  }
})();
