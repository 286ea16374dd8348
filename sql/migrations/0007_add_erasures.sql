-- Users whose accounts are erased: since when, and when the next pass through their messages is due (null after the
-- last one). Their rows keep the uuid, without names and address.
ALTER TABLE public.users ADD COLUMN erased_at timestamptz, ADD COLUMN erasure_due_at timestamptz;

CREATE INDEX users_erasure_due_at_idx ON public.users (erasure_due_at) WHERE erasure_due_at IS NOT NULL;

-- For people search, which does not find erased users. All have the same name, and handles with the same beginning.
CREATE INDEX users_searched_handle_idx ON public.users (lower(handle)) WHERE erased_at IS NULL;
DROP INDEX public.users_display_name_idx;
CREATE INDEX users_display_name_idx ON public.users (lower(display_name) COLLATE "C") WHERE erased_at IS NULL;
