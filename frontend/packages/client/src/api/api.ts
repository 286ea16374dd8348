import { ApiError, codesOf, retryAfterOf } from './api-error.ts';
import type { Credentials } from './credentials.ts';
import { nextCursor } from './links.ts';
import type { LogEvent, Me, Message, MessageGroup, NewMessage, Page, SentMessage, User } from './types.ts';

/** Rows per page. */
export const LIMIT = 30;
/** Rows of the log per page. */
export const EVENTS_LIMIT = 100;
/** Milliseconds: slightly more than the gateway waits for a function. */
const TIMEOUT = 31_000;

/**
 * The operations of `openapi.yaml` that a page needs at its start; `state-api.ts` has the others. Every failure is an
 * `ApiError`.
 *
 * Hand-written because openapi-fetch would add 2.2 kB (gzip) to the page and replace only the building of addresses: token
 * renewal, errors, time limits and the checks of response bodies would remain.
 */
export class Api {
  readonly #url: string;
  readonly #credentials: Credentials;
  readonly #request: typeof fetch;

  /** `url` has no trailing slash and no `/api`. */
  constructor(url: string, credentials: Credentials, request: typeof fetch = (...call) => fetch(...call)) {
    this.#url = url;
    this.#credentials = credentials;
    this.#request = request;
  }

  /** A page of the inbox, newest first. */
  async listGroups(cursor: string | null): Promise<Page<MessageGroup>> {
    return await page(await this.signed(`/api/message_groups?${query('cursor', cursor, LIMIT)}`), isMessageGroup);
  }

  /** A page of a conversation, oldest to newest, with up to 100 messages. The next page has older messages. */
  async listMessages(group: string, cursor: string | null, limit = LIMIT): Promise<Page<Message>> {
    const path = `/api/messages/${encodeURIComponent(group)}`;
    return await page(await this.signed(`${path}?${query('cursor', cursor, limit)}`), isMessage);
  }

  /** The events after a cursor, oldest first, and the cursor after them. Without a cursor: none, and that of the log's end. */
  async listEvents(after: string | null): Promise<Page<LogEvent>> {
    return await page(await this.signed(`/api/events?${query('after', after, EVENTS_LIMIT)}`), isEvent, 'after');
  }

  /** Sends a message. Safe to repeat with the same key. */
  async send(message: NewMessage, key: string): Promise<SentMessage> {
    const response = await this.signed('/api/messages', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
      body: JSON.stringify(message),
    });
    return await parsed(response, isSentMessage);
  }

  /** The signed-in user, with the handle and name that other users see, and the settings. */
  async showMe(): Promise<Me> {
    return await parsed(await this.signed('/api/me'), isMe);
  }

  /** The user with a handle; null if there is none. This operation is public: the request has no token. */
  async findUser(handle: string): Promise<User | null> {
    try {
      return await parsed(await this.#fetch(`/api/users/@${encodeURIComponent(handle)}/short`), isUser);
    } catch (error) {
      if (error instanceof ApiError && error.has('user_not_found')) {
        return null;
      }
      throw error;
    }
  }

  /** Sends a request with the access token, and once more with a renewed one if the API rejects it. */
  async signed(path: string, request: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
    const attempt = async () => {
      const token = this.#credentials.token();
      const headers = { ...request.headers, Authorization: `Bearer ${token}` };
      return token === undefined ? null : await this.#fetch(path, { ...request, headers }).catch(nullIfUnauthenticated);
    };
    const first = await attempt();
    if (first !== null) {
      return first;
    }
    const renewal = await this.#credentials.renew();
    if (renewal === 'unreachable') {
      throw new ApiError(0);
    }
    const second = renewal === 'renewed' ? await attempt() : null;
    if (second === null) {
      this.#credentials.lapse();
      throw new ApiError(401);
    }
    return second;
  }

  async #fetch(path: string, request: RequestInit = {}): Promise<Response> {
    let response: Response;
    try {
      response = await this.#request(this.#url + path, {
        ...request,
        cache: 'no-store',
        credentials: 'omit',
        signal: AbortSignal.timeout(TIMEOUT),
      });
    } catch {
      throw new ApiError(0);
    }
    if (!response.ok) {
      const body: unknown = await response.json().catch(() => null);
      const retryAfter = retryAfterOf(response.headers.get('Retry-After'), Date.now());
      throw new ApiError(response.status, codesOf(body), retryAfter);
    }
    return response;
  }
}

function nullIfUnauthenticated(error: unknown): null {
  if (error instanceof ApiError && error.status === 401) {
    return null;
  }
  throw error;
}

export function query(name: string, cursor: string | null, limit: number): URLSearchParams {
  return new URLSearchParams({ limit: String(limit), ...(cursor !== null && { [name]: cursor }) });
}

/** A page of a list, with the cursor in its `Link`. */
export async function page<Row>(
  response: Response,
  isRow: (value: unknown) => value is Row,
  parameter = 'cursor',
): Promise<Page<Row>> {
  const isRows = (value: unknown): value is Row[] => Array.isArray(value) && value.every(isRow);
  return { rows: await parsed(response, isRows), next: nextCursor(response.headers.get('Link'), parameter) };
}

/**
 * The body of a response. Throws if it has another form: a network with a sign-in of its own responds to every request
 * with a page.
 */
export async function parsed<Body>(response: Response, isBody: (value: unknown) => value is Body): Promise<Body> {
  const body: unknown = await response.json().catch(() => null);
  if (!isBody(body)) {
    throw new ApiError(0);
  }
  return body;
}

export const isMessageGroup = texts<MessageGroup>('uuid', 'user_uuid', 'display_name', 'handle', 'message', 'created_at');
export const isMessage = texts<Message>('uuid', 'user_uuid', 'display_name', 'handle', 'message', 'created_at');
const isSentMessage = texts<SentMessage>(
  'message_group_uuid',
  'uuid',
  'user_uuid',
  'display_name',
  'handle',
  'message',
  'created_at',
);
export const isUser = texts<User>('uuid', 'handle', 'display_name');
/** The settings that an earlier API lacks are optional. */
export const isMe: (value: unknown) => value is Me = isUser;
const hasTexts = texts<LogEvent>('cursor', 'type');

/** Whether a value is an event. Ignores its other fields: an event that cannot be parsed would hold up those after it. */
export function isEvent(value: unknown): value is LogEvent {
  return hasTexts(value) && Number.isSafeInteger(value.number);
}

/** Returns a function that checks whether a value has these texts. */
export function texts<Shape>(...names: (keyof Shape & string)[]): (value: unknown) => value is Shape {
  return (value): value is Shape => {
    if (typeof value !== 'object' || value === null) {
      return false;
    }
    const fields = new Map<string, unknown>(Object.entries(value));
    return names.every((name) => typeof fields.get(name) === 'string');
  };
}
