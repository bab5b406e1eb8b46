-- One process has the file and wakes its own workers: nobody else is there to be told.
SELECT NULL WHERE FALSE
