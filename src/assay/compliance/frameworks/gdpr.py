"""The General Data Protection Regulation, Regulation (EU) 2016/679.

Controls, sources and the rules of applicability are in `law/gdpr.yaml`.
"""

from assay.compliance.interface import FrameworkMember

MEMBER = FrameworkMember(id="gdpr", catalogue="gdpr")
