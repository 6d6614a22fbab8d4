"""Makes ``twistd cloudnode`` known. Nothing is imported until that command is used."""

from twisted.application.service import ServiceMaker

cloudnode = ServiceMaker(
    "cloudnode",
    "cloudnode.service.maker",
    "A node of a network whose nodes all hold an identical database.",
    "cloudnode",
)
