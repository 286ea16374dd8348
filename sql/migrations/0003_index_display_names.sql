-- For people search by the beginning of a name, in the order of bytes.
CREATE INDEX users_display_name_idx ON public.users (lower(display_name) COLLATE "C");
