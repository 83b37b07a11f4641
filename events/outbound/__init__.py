"""
Requests to the outside: each goes through here, under the policy of its purpose.

`purposes` has the policies. `client` makes an httpx client, for the provider and whatever else
speaks HTTP; `connections` opens a checked connection, for libraries that have an HTTP of their own
(boto3). A connection goes to an address that was checked, each redirect is checked again, and
every answer has an end.
"""

from events.outbound import purposes
from events.outbound.connections import connect
from events.outbound.errors import OutboundRefused, Reason
from events.outbound.hosts import OddHost, Origin
from events.outbound.policy import Policy

__all__ = ["OddHost", "Origin", "OutboundRefused", "Policy", "Reason", "connect", "purposes"]
