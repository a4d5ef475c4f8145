// A server of lines. What it does for each: cpu child crypto fs fifo fifo-room worker light idle
const { execSync } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const net = require('net');
const { Worker, isMainThread, parentPort } = require('worker_threads');

const work = process.argv[2];

function spin(ms) {
  const end = process.cpuUsage().user + ms * 1000;
  while (process.cpuUsage().user < end) crypto.createHash('sha256').update('x').digest();
}

function commit() {
  const file = fs.openSync(`/var/tmp/waitscope-lab-${process.pid}`, 'w');
  fs.unlinkSync(`/var/tmp/waitscope-lab-${process.pid}`);
  for (let i = 0; i < 150; ++i) {
    fs.writeSync(file, 'x'.repeat(4096));
    fs.fsyncSync(file);
  }
  fs.closeSync(file);
}

// A FIFO that nobody writes to keeps a thread of libuv's pool for each that opens it.
function openFifo(times) {
  const path = `/var/tmp/waitscope-lab-fifo-${process.pid}`;
  execSync(`mkfifo ${path}`);
  for (let i = 0; i < times; ++i) fs.open(path, 'r', () => {});
  setTimeout(() => fs.unlinkSync(path), 500);
}

function serve() {
  if (work.startsWith('fifo')) openFifo(work === 'fifo' ? 4 : 2);
  const worker = work === 'worker' ? new Worker(__filename, { argv: ['worker'] }) : null;
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', () => {
      const answer = () => socket.write('answer\n');
      if (worker) {
        worker.once('message', answer);
        worker.postMessage('');
        return;
      }
      if (work.startsWith('fifo')) {
        fs.stat('/var/tmp', answer);
        return;
      }
      if (work === 'cpu') spin(180);
      if (work === 'child') execSync('sleep 0.25');
      if (work === 'crypto') crypto.pbkdf2Sync('x', 'salt', 300000, 64, 'sha512');
      if (work === 'fs') commit();
      if (work === 'light') spin(2);
      answer();
    });
  });
  server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log(`ready ${process.pid}`));
}

if (isMainThread) serve();
else {
  parentPort.on('message', () => {
    crypto.pbkdf2Sync('x', 'salt', 200000, 64, 'sha512');
    parentPort.postMessage('');
  });
}
