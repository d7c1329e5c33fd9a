"""SOC 2: the AICPA Trust Services Criteria, TSP section 100.

Controls, sources and the rules of applicability are in `law/soc2.yaml`.
"""

from assay.compliance.interface import FrameworkMember

MEMBER = FrameworkMember(id="soc2", catalogue="soc2")
