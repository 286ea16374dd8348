import { type Change, type Entry, stateOf } from '@cruddur/client';
import { useEffect, useState } from 'react';
import { useClient } from '../context.ts';
import { explain } from '../texts/explain.ts';
import { useIsBlocked } from './state.ts';
import { useTexts } from './use-texts.ts';

/**
 * Whether the person blocks the other user of a conversation, and the function that changes this. `entries` and `changes` are
 * those of the conversation.
 */
export function useBlocking(
  group: string | null,
  user: string | undefined,
  entries: readonly Entry[],
  changes: readonly Change[],
) {
  const client = useClient();
  const texts = useTexts();
  const isBlocked = useIsBlocked(user);
  const [isChanging, setChanging] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [hasUnblocked, setUnblocked] = useState(false);

  // Another device may have blocked the user.
  const refused = [...entries.filter(isRefusedEntry), ...changes.filter(isRefusedChange)].map(({ id }) => id).join(' ');
  useEffect(() => {
    if (refused === '' || user === undefined) {
      return;
    }
    const { blocks, groups } = stateOf(client);
    if (group !== null) {
      void groups.get(group).invalidate();
    } else if (blocks.isBlocked(user) === undefined) {
      blocks.observe()(user, true);
    }
  }, [client, group, user, refused]);

  async function change(next: boolean): Promise<void> {
    if (user === undefined || isChanging) {
      return;
    }
    const { blocks } = stateOf(client);
    setChanging(true);
    setProblem(null);
    try {
      await (next ? blocks.block(user) : blocks.unblock(user));
      setUnblocked(!next);
    } catch (error) {
      setProblem(texts.text(next ? 'block.failed' : 'block.notEnded', { reason: explain(texts, error) }));
    } finally {
      setChanging(false);
    }
  }

  return { isBlocked, isChanging, problem, hasUnblocked, change: (next: boolean) => void change(next) };
}

function isRefusedEntry({ state }: Entry): boolean {
  return state.name === 'failed' && state.reason.kind === 'api' && state.reason.codes.includes('user_blocked');
}

function isRefusedChange({ problem }: Change): boolean {
  return problem?.kind === 'api' && problem.codes.includes('user_blocked');
}
