/** Durations in milliseconds. */
export interface Timing {
  /** Between pings. */
  ping: number;
  /** Between pings while a conversation is open. */
  pingInConversation: number;
  /** From a ping to its answer. */
  pong: number;
  /** From the start of a connection until it is open. */
  opening: number;
  /** The life of a connection, if its token lives longer. */
  life: number;
  /** From the opening of the next connection to the end of the old one. */
  overlap: number;
  /** The longest delay of the first reconnection, and of all. */
  reconnect: number;
  reconnectMost: number;
  /** From a frame that is too new until the events before it are requested. */
  gap: number;
  /** For the socket to be opened at the start, before events are requested without it. */
  start: number;
  /** Between requests for events while the socket is open. */
  catchUp: number;
  /** How late a frame may be. */
  late: number;
  /** Between requests for events without a socket, and the longest such pause. */
  poll: number;
  pollMost: number;
  /** The same on a hidden page, and the time after which a hidden page makes no such requests. */
  pollHidden: number;
  hiddenFor: number;
  /** From a send until its event is requested. */
  expected: number;
  /** For the answer of the tab that has the socket. */
  leader: number;
}

const MINUTE = 60_000;

export const TIMING: Timing = {
  ping: 2 * MINUTE,
  pingInConversation: MINUTE,
  pong: 10_000,
  opening: 10_000,
  life: 115 * MINUTE,
  overlap: MINUTE,
  reconnect: 1000,
  reconnectMost: MINUTE,
  gap: 500,
  start: 1000,
  catchUp: 2 * MINUTE,
  late: 5000,
  poll: 3000,
  pollMost: 30_000,
  pollHidden: MINUTE,
  hiddenFor: 5 * MINUTE,
  expected: 2000,
  leader: 2000,
};
