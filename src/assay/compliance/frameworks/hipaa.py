"""The HIPAA Privacy, Security and Breach Notification Rules, 45 CFR 160 and 164.

Controls, sources and the rules of applicability are in `law/hipaa.yaml`.
"""

from assay.compliance.interface import FrameworkMember

MEMBER = FrameworkMember(id="hipaa", catalogue="hipaa")
