-- There are no notifications: whoever inserts wakes the workers of its own process, others find the rows when they look.
SELECT NULL FROM DUAL WHERE FALSE
