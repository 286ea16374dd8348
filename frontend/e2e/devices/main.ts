/**
 * Two users with three devices each write in one conversation, over connections that break at random, while the stack is killed
 * twice. In the end, every device has each message once, and the open socket of a stranger has received nothing.
 */
import { isDeepStrictEqual, parseArgs } from 'node:util';
import type { LogEvent } from '@cruddur/client';
import { earlyRepetitions, gaps, missing, repeated, unlogged, unreceived, uuidsOf } from './checks.ts';
import { Device } from './device.ts';
import { FAULTS, type Fault } from './faulty-proxy.ts';
import { generator } from './random.ts';
import { numberOf } from './recording.ts';
import { Stack } from './stack.ts';
import { Stranger } from './stranger.ts';
import { pause, until } from './wait.ts';

const MEMBERS = ['sunyoung', 'scarlett'];
/** Has a conversation with one of the members. */
const STRANGER = 'andrew';
const DEVICES = 3;
/** The shares of the messages after which the stack is killed. */
const KILLS = [1 / 3, 2 / 3];
/** In seconds. Short, so that sockets are also replaced because their token ends. */
const TOKEN_LIFETIME = 120;
/** Seconds in which the stack logs what it has stored. */
const LOG_LIMIT = 120;
/** Seconds in which the devices notice silent connections. */
const REST_LIMIT = 180;

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    port: { type: 'string' },
    folder: { type: 'string' },
    binaries: { type: 'string' },
  },
});
const [total, seed, port] = [Number(values.messages), Number(values.seed), Number(values.port)];
const { folder, binaries } = values;
if (folder === undefined || binaries === undefined || ![total, seed, port].every(Number.isSafeInteger)) {
  throw new Error('usage: --port PORT --folder FOLDER --binaries FOLDER [--messages NUMBER] [--seed NUMBER]');
}

const print = (text: string) => process.stdout.write(`${text}\n`);
const elapsed = () => `${Math.round(performance.now() / 1000)} s`;
let failures = 0;
/** Prints whether something holds: it does without problems. */
function check(what: string, problems: readonly string[]): void {
  failures += problems.length === 0 ? 0 : 1;
  print(`${problems.length === 0 ? 'ok' : 'FAILED'}: ${what}`);
  for (const problem of problems.slice(0, 10)) {
    print(`    ${problem}`);
  }
  if (problems.length > 10) {
    print(`    and ${problems.length - 10} more`);
  }
}

print(`${total} messages, seed ${seed}`);
const stack = new Stack({ binaries, folder, port, accessTokenLifetime: TOKEN_LIFETIME });
process.on('exit', () => void stack.kill());
await stack.start();
const [group = ''] = (await stack.groups('scarlett')).map(({ uuid }) => uuid);
const before = await stack.messages('scarlett', group);
const starts = new Map<string, string>();
for (const handle of MEMBERS) {
  starts.set(handle, (await stack.events(handle, null)).next);
}

const random = generator(seed);
const devices: Device[] = [];
for (const handle of MEMBERS) {
  for (let number = 1; number <= DEVICES; number += 1) {
    devices.push(await Device.start({ name: `${handle}-${number}`, handle, group, stack, random }));
  }
}
// With the uuid of a member's device.
const stranger = await Stranger.start(stack, STRANGER, devices[0]?.recording.device ?? '');

const stored = () => devices.reduce((sum, device) => sum + device.stored(), 0);
let added = 0;
let isSending = true;
async function send(): Promise<void> {
  await Promise.all(devices.map((device) => device.send(() => (added += 1) <= total)));
  isSending = false;
}
async function kill(): Promise<void> {
  for (const part of KILLS) {
    await until(() => !isSending || stored() >= total * part, Number.POSITIVE_INFINITY, 10);
    print(`${stored()} messages after ${elapsed()}: kills the stack`);
    await stack.kill();
    await stack.start();
  }
}
const progress = setInterval(() => print(`${stored()} messages after ${elapsed()}`), 20_000);
await Promise.all([send(), kill()]);
clearInterval(progress);
print(`all messages are stored after ${elapsed()}`);
for (const { proxy } of devices) {
  proxy.heal();
}

// At rest, the logs have all messages, and the devices have read them to the end.
const messages = await stack.messages('scarlett', group);
const sent = messages.slice(before.length);
const logs = new Map<string, LogEvent[]>();
const isLogged = async (handle: string) => {
  const log = (await stack.events(handle, starts.get(handle) ?? null)).rows;
  logs.set(handle, log);
  return unlogged(log, uuidsOf(sent)).length === 0;
};
for (const handle of MEMBERS) {
  await until(() => isLogged(handle), LOG_LIMIT, 1000);
}
const endOf = (handle: string) => logs.get(handle)?.at(-1)?.number;
await until(() => devices.every(({ handle, recording }) => recording.position === endOf(handle)), REST_LIMIT);
const isComplete = (device: Device) => device.outbox() === 0 && isDeepStrictEqual(device.messages(), messages);
const areComplete = async () => {
  // A conversation that is loaded again can lose its older part.
  await Promise.all(devices.map((device) => device.loadAll()));
  return devices.every(isComplete);
};
await until(areComplete, REST_LIMIT, 1000);
print(`at rest after ${elapsed()}`);

const texts = sent.map(({ message }) => message);
check('the API lists each message once', [
  ...missing(
    devices.flatMap((device) => Array.from({ length: device.added }, (_, index) => device.text(index + 1))),
    texts,
  ).map((text) => `"${text}" is missing`),
  ...repeated(texts).map((text) => `"${text}" is stored twice`),
  ...repeated(uuidsOf(messages)).map((uuid) => `${uuid} is listed twice`),
  ...(isDeepStrictEqual(messages, await stack.messages('sunyoung', group)) ? [] : ['the members have different lists']),
]);
for (const [handle, log] of logs) {
  check(`the log of ${handle} has each message, and numbers without gaps`, [
    ...unlogged(log, uuidsOf(sent)).map((uuid) => `${uuid} is missing`),
    ...gaps(log, numberOf(starts.get(handle) ?? '')),
    ...earlyRepetitions(log),
  ]);
}
for (const device of devices) {
  const { name, handle, recording } = device;
  const { position, expired, resets, rows, violations } = recording;
  const shown = device.messages();
  const [newest] = device.groups();
  check(`${name} shows each message once, and received each row of the log`, [
    ...missing(uuidsOf(messages), uuidsOf(shown)).map((uuid) => `${uuid} is missing`),
    ...repeated(uuidsOf(shown)).map((uuid) => `${uuid} is shown twice`),
    ...(isDeepStrictEqual(shown, messages) ? [] : ['the messages differ from the list']),
    ...(newest?.uuid === group && newest.message === texts.at(-1) ? [] : [`the inbox shows "${newest?.message}"`]),
    ...(device.outbox() === 0 ? [] : [`the outbox still has ${device.outbox()} messages`]),
    ...(position === endOf(handle) ? [] : [`the position is ${position} in place of ${endOf(handle)}`]),
    ...(expired === 0 ? [] : [`${expired} responses were 410`]),
    ...(resets === 1 ? [] : [`took the end of the log ${resets} times`]),
    ...unreceived(logs.get(handle) ?? [], rows),
    ...violations,
  ]);
}
check('the socket of the stranger received nothing', [...stranger.received]);
const greeting = 'A message to the stranger';
await stack.send('sunyoung', STRANGER, greeting);
const isReceived = await until(() => stranger.received.some((text) => text.includes(greeting)), 10);
check('the same socket receives a message to the stranger', isReceived ? [] : ['nothing received']);
await pause(1000);
const findings = await stack.cruddur('ddb', 'doctor', '--grace', '0').then(
  () => [],
  ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr}`.trimEnd().split('\n'),
);
check('cruddur ddb doctor finds nothing', findings);

const line = (cells: readonly (string | number)[]) => print(`| ${cells.join(' | ')} |`);
print('');
line(['device', 'messages', 'POST', 'frames', 'GET events', 'GET messages', 'GET groups', 'sockets', 'broken', 'broken requests', '410']);
line(['---', ...Array.from({ length: 10 }, () => '--:')]);
const counts = (broken: Readonly<Record<Fault, number>>) => FAULTS.map((fault) => broken[fault]).join(' + ');
for (const { name, added: own, recording, proxy, pages } of devices) {
  const { requests, frames, opened, expired } = recording;
  const { send: sends, events, messages: lists, groups } = requests;
  line([name, own, sends, frames, events, lists - pages, groups, opened, counts(proxy.sockets), counts(proxy.requests), expired]);
}
print(`\nbroken: ${FAULTS.join(' + ')}; GET messages: without those that load the whole conversation in the end`);
for (const [handle, log] of logs) {
  const rows = new Set(log.map(({ number }) => number)).size;
  const again = repeated(log.flatMap(({ message_uuids: uuids }) => uuids ?? [])).length;
  print(`the log of ${handle}: ${rows} rows; ${again} messages were logged again`);
}
print(`the stranger: ${stranger.opened} sockets, ${stranger.pongs} pongs`);
print(failures === 0 ? `passed after ${elapsed()}` : `FAILED after ${elapsed()}, seed ${seed}`);
process.exit(failures === 0 ? 0 : 1);
