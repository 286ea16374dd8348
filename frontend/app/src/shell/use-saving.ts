import { ApiError } from '@cruddur/client';
import { explain, useMessages } from '@cruddur/react';
import { useState } from 'react';
import { usePagesTexts } from '../texts/pages/use-pages-texts.ts';

/** The outcome of the last change of a setting. */
export function useSaving() {
  const { texts } = useMessages();
  const { text } = usePagesTexts();
  const [outcome, setOutcome] = useState<{ problem: string | null } | null>(null);

  async function save(change: () => Promise<void>): Promise<boolean> {
    setOutcome(null);
    try {
      await change();
      setOutcome({ problem: null });
      return true;
    } catch (error) {
      const isInvalid = error instanceof ApiError && error.has('display_name_invalid');
      setOutcome({ problem: isInvalid ? text('settings.nameInvalid') : explain(texts, error) });
      return false;
    }
  }

  return { problem: outcome?.problem ?? null, isSaved: outcome?.problem === null, save };
}
