#!/bin/sh
# Two secrets are read as environment variables and come as files, so that `docker inspect` shows neither. Runs the rest
# of its command line with them; health checks need them as much as the processes do.
for pair in DATABASE_URL:database-url REDIS_URL:redis-url; do
    file=/run/secrets/${pair#*:}
    if [ -r "$file" ]; then export "${pair%%:*}=$(cat "$file")"; fi
done
exec "$@"
