// A server of lines. What it does for each: cpu child light idle
const { execSync } = require('child_process');
const crypto = require('crypto');
const net = require('net');

const work = process.argv[2];

function spin(ms) {
  const end = process.cpuUsage().user + ms * 1000;
  while (process.cpuUsage().user < end) crypto.createHash('sha256').update('x').digest();
}

const server = net.createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.on('data', () => {
    if (work === 'cpu') spin(180);
    if (work === 'child') execSync('sleep 0.25');
    if (work === 'light') spin(2);
    socket.write('answer\n');
  });
});
server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log(`ready ${process.pid}`));
