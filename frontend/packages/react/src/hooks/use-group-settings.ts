import { stateOf } from '@cruddur/client';
import { useMemo, useState } from 'react';
import { useMessages } from '../context.ts';
import type { ConversationSettings } from '../conversation-settings.ts';
import { isSamePlace } from '../place.ts';
import { explain } from '../texts/explain.ts';
import { useTexts } from './use-texts.ts';

/** The functions that mute, hide and clear a group, and why the last one failed. There are none before the first message is stored. */
export function useGroupSettings(group: string | null) {
  const { client, place, onPlace } = useMessages();
  const isOpen = group !== null && isSamePlace(place, { kind: 'group', uuid: group });
  const texts = useTexts();
  const [problem, setProblem] = useState<string | null>(null);

  const settings = useMemo((): ConversationSettings | undefined => {
    if (group === null) {
      return undefined;
    }
    const { settings: state } = stateOf(client);
    const change = async (request: Promise<void>, failed: 'mute.failed' | 'mute.notEnded' | 'clear.failed') => {
      setProblem(null);
      try {
        await request;
      } catch (error) {
        setProblem(texts.text(failed, { reason: explain(texts, error) }));
      }
    };
    return {
      mute: (until) => void change(state.mute(group, until), until === null ? 'mute.notEnded' : 'mute.failed'),
      hide: () => {
        void state.hide(group);
        if (isOpen) {
          onPlace(null, false);
        }
      },
      clear: () => void change(state.clear(group), 'clear.failed'),
    };
  }, [client, texts, group, isOpen, onPlace]);

  return { settings, problem };
}
