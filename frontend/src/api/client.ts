import { ApiError, codesOf, retryAfterOf } from './api-error.ts';
import { nextCursor } from './links.ts';
import type { Message, MessageGroup, NewMessage, Page, SentMessage, User } from './types.ts';

/** `refused`: only signing in again helps. `unreachable`: it may work later. */
export type Renewal = 'renewed' | 'refused' | 'unreachable';

/** Who makes the requests. */
export interface Credentials {
  /** The access token; undefined when there is none that could still be good. */
  token(): string | undefined;
  renew(): Promise<Renewal>;
  /** Says that the API took neither the token nor a renewed one. */
  lapse(): void;
}

const PAGE = 30;
/** A little longer than the gateway waits for a function. */
const TIMEOUT = 31_000;

/** The calls of `openapi.yaml`. Whatever goes wrong is an `ApiError`. */
export class Api {
  readonly #url: string;
  readonly #credentials: Credentials;

  constructor(url: string, credentials: Credentials) {
    this.#url = url;
    this.#credentials = credentials;
  }

  /** A page of the conversations, newest first. */
  async listGroups(cursor: string | null): Promise<Page<MessageGroup>> {
    return page(await this.#signed(`/api/message_groups?${query(cursor)}`), isMessageGroup);
  }

  /** A page of a conversation, oldest to newest; the next page is the older one. */
  async listMessages(group: string, cursor: string | null): Promise<Page<Message>> {
    return page(await this.#signed(`/api/messages/${encodeURIComponent(group)}?${query(cursor)}`), isMessage);
  }

  /** Sends a message. With the same key it may be repeated. */
  async send(message: NewMessage, key: string): Promise<SentMessage> {
    const response = await this.#signed('/api/messages', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
      body: JSON.stringify(message),
    });
    return shaped(await json(response), isSentMessage);
  }

  /** The signed-in user, with the handle and name that other users see. */
  async showMe(): Promise<User> {
    return shaped(await json(await this.#signed('/api/me')), isUser);
  }

  /** The user with a handle, null when there is none. This call is public and carries no token. */
  async findUser(handle: string): Promise<User | null> {
    try {
      const response = await this.#answered(`/api/users/@${encodeURIComponent(handle)}/short`, {});
      return shaped(await json(response), isUser);
    } catch (error) {
      if (error instanceof ApiError && error.has('user_not_found')) {
        return null;
      }
      throw error;
    }
  }

  /** With the access token, which is renewed once when it is not accepted. */
  async #signed(path: string, request: RequestInit = {}): Promise<Response> {
    const token = this.#credentials.token();
    if (token !== undefined) {
      try {
        return await this.#answered(path, withToken(request, token));
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 401)) {
          throw error;
        }
      }
    }
    const renewal = await this.#credentials.renew();
    if (renewal === 'unreachable') {
      throw new ApiError(0);
    }
    const renewed = this.#credentials.token();
    if (renewal === 'refused' || renewed === undefined) {
      this.#credentials.lapse();
      throw new ApiError(401);
    }
    try {
      return await this.#answered(path, withToken(request, renewed));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        this.#credentials.lapse();
      }
      throw error;
    }
  }

  async #answered(path: string, request: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.#url + path, {
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

function withToken(request: RequestInit, token: string): RequestInit {
  const headers = new Headers(request.headers);
  headers.set('Authorization', `Bearer ${token}`);
  return { ...request, headers };
}

function query(cursor: string | null): string {
  const parameters = new URLSearchParams({ limit: String(PAGE) });
  if (cursor !== null) {
    parameters.set('cursor', cursor);
  }
  return parameters.toString();
}

async function page<Row>(response: Response, isRow: (value: unknown) => value is Row): Promise<Page<Row>> {
  const rows = await json(response);
  if (!Array.isArray(rows) || !rows.every(isRow)) {
    throw new ApiError(0);
  }
  return { rows, next: nextCursor(response.headers.get('Link')) };
}

// What answers may be no API at all: a network that wants a sign-in of its own answers everything with a page.
async function json(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    throw new ApiError(0);
  }
}

function shaped<Shape>(value: unknown, isShape: (value: unknown) => value is Shape): Shape {
  if (!isShape(value)) {
    throw new ApiError(0);
  }
  return value;
}

const isMessageGroup = texts<MessageGroup>('uuid', 'user_uuid', 'display_name', 'handle', 'message', 'created_at');
const isMessage = texts<Message>('uuid', 'user_uuid', 'display_name', 'handle', 'message', 'created_at');
const isSentMessage = texts<SentMessage>(
  'message_group_uuid',
  'uuid',
  'user_uuid',
  'display_name',
  'handle',
  'message',
  'created_at',
);
const isUser = texts<User>('uuid', 'handle', 'display_name');

function texts<Shape>(...names: (keyof Shape & string)[]): (value: unknown) => value is Shape {
  return (value): value is Shape => {
    if (typeof value !== 'object' || value === null) {
      return false;
    }
    const fields = new Map<string, unknown>(Object.entries(value));
    return names.every((name) => typeof fields.get(name) === 'string');
  };
}
