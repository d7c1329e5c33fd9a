"""ISO/IEC 27001:2022, Annex A.

Controls, sources and the rules of applicability are in `law/iso27001.yaml`.
"""

from assay.compliance.interface import FrameworkMember

MEMBER = FrameworkMember(id="iso27001", catalogue="iso27001")
