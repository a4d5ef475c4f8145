// A build tool: reads sources, computes with each, writes results, runs a child. Nobody asks it.
const { execFile } = require('child_process');
const crypto = require('crypto');
const fs = require('fs').promises;
const path = require('path');

const sources = '/usr/lib/python3.11';
const result = path.join(process.argv[2], 'result');

function compile(text) {
  const end = process.cpuUsage().user + 150 * 1000;
  let hash = text;
  while (process.cpuUsage().user < end) hash = crypto.createHash('sha256').update(hash).digest('hex');
  return hash;
}

async function build() {
  console.log(`ready ${process.pid}`);
  for (;;) {
    for (const name of (await fs.readdir(sources)).filter((name) => name.endsWith('.py'))) {
      await fs.writeFile(result, compile(await fs.readFile(path.join(sources, name), 'utf8')));
      await new Promise((done) => execFile('true', done));
    }
  }
}

build();
