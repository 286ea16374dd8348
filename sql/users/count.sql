-- How many users there are.
SELECT count(*) AS users
FROM public.users
