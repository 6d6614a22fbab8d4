"""The methods, by group; each module declares its part of the table."""

from __future__ import annotations

from cloudnode.api.methods import data, honesty, live, service, validation
from cloudnode.api.table import Table

TABLE = Table((*service.METHODS, *data.METHODS, *validation.METHODS, *honesty.METHODS, *live.METHODS))
"""All methods of the API."""
