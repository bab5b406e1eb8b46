"""Real servers for the tests: started on loopback, on free ports, in folders of their own, and gone afterwards.

One file a server (`postgres.py`), each a `Service` that says how to prepare its data, which command runs it, and how
its own protocol tells that it is ready. `proxy.py` stands between a client and a server and breaks the connection on
demand.
"""

from tests.servers.activemq import ActiveMqService
from tests.servers.hivemq import HiveMqService
from tests.servers.kafka import KafkaService
from tests.servers.mariadb import ExternalMariadb, MariadbDatabases, MariadbService
from tests.servers.memcached import MemcachedService
from tests.servers.mosquitto import MosquittoService
from tests.servers.postgres import ExternalPostgres, PostgresDatabases, PostgresService
from tests.servers.proxy import Direction, Moment, Proxy, Trigger
from tests.servers.rabbitmq import RabbitMqService
from tests.servers.redis import RedisService, SentinelService
from tests.servers.service import Service, ServiceFailed, Unavailable, free_port

__all__ = [
    "ActiveMqService",
    "Direction",
    "ExternalMariadb",
    "ExternalPostgres",
    "HiveMqService",
    "KafkaService",
    "MariadbDatabases",
    "MariadbService",
    "MemcachedService",
    "Moment",
    "MosquittoService",
    "PostgresDatabases",
    "PostgresService",
    "Proxy",
    "RabbitMqService",
    "RedisService",
    "SentinelService",
    "Service",
    "ServiceFailed",
    "Trigger",
    "Unavailable",
    "free_port",
]
