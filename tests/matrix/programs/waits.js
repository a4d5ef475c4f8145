// The main thread and a worker wait below calls of their own; the pool serves file reads meanwhile.
const fs = require('fs');
const {Worker, isMainThread} = require('worker_threads');

const word = new Int32Array(new SharedArrayBuffer(4));

function sleepHere() {
  return Atomics.wait(word, 0, 0, 2);
}

function descend(left) {
  if (left === 0) {
    sleepHere();
    return 1;
  }
  return descend(left - 1) * 3 + 1;
}

function turn() {
  descend(10);
  fs.readFile(__filename, () => setTimeout(turn, 2));
}

if (isMainThread) new Worker(__filename);
turn();
