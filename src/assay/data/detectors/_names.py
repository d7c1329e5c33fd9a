"""Given and family names for the gazetteer of person names; folded, lower case.

The most frequent ones of the United States (Social Security Administration, Census Bureau),
Germany, France, Spain and Italy, and some of other origins. Left out are names that are as often a
town, a month, a colour or a trade: Austin, April, Rose, Brown, Baker.
"""

from __future__ import annotations

_GIVEN = """
james john robert michael william david richard joseph thomas christopher charles daniel
matthew anthony donald steven andrew kenneth joshua kevin brian george timothy ronald jason
edward jeffrey ryan jacob gary nicholas eric jonathan stephen larry justin scott brandon
benjamin samuel gregory alexander patrick jack dennis jerry tyler aaron jose nathan henry
zachary douglas peter adam kyle noah ethan jeremy walter christian keith roger terry sean
gerald carl arthur lawrence dylan jesse bryan joe bruce gabriel logan albert willie alan juan
mary patricia jennifer linda elizabeth barbara susan jessica karen sarah lisa nancy betty
sandra margaret ashley kimberly emily donna michelle carol amanda melissa deborah stephanie
rebecca sharon laura cynthia dorothy amy kathleen angela shirley emma brenda pamela nicole anna
samantha katherine christine debra rachel carolyn janet maria catherine heather diane olivia
julie joyce ruth lauren kelly christina joan evelyn judith megan andrea cheryl hannah
jacqueline martha teresa sara janice ann alice julia jean denise frances danielle marilyn
natalie beverly diana brittany theresa kayla alexis tiffany
hans peter klaus wolfgang juergen jurgen dieter manfred uwe helmut stefan andreas markus
matthias sebastian florian tobias jan lukas felix jonas paul ursula petra sabine monika renate
birgit gabriele katrin anja heike silke claudia martina ingrid helga brigitte lena leonie
pierre michel philippe alain bernard jacques francois laurent olivier nicolas julien sylvie
isabelle nathalie valerie sophie camille chloe manon
antonio manuel francisco carlos miguel javier luis pedro jorge alejandro carmen josefa isabel
dolores pilar cristina marta lucia elena giuseppe giovanni luigi francesca giulia chiara
alberto alvaro fernando ramon rafael sergio vicente angel enrique andres raul ruben eduardo
ignacio gonzalo santiago julio marina rosario teresita consuelo nuria silvia beatriz rocio
alicia irene eva sofia paula mercedes marco andrea alessandro stefano matteo lorenzo davide
federica valentina paola roberta elisa karin sabrina nadine stefanie jens thorsten
holger ulrich heinz guenter gunter horst friedrich gerhard bernd ralf detlef hannelore gisela
ahmed mohammed muhammad ali fatima omar yusuf aisha wei priya raj anita sanjay olga ivan
dmitri svetlana natalia piotr katarzyna agnieszka mehmet ayse yuki hiroshi
"""

GIVEN = frozenset(_GIVEN.split())

_FAMILY = """
smith johnson williams jones garcia miller davis rodriguez martinez hernandez lopez gonzalez
wilson anderson thomas taylor moore jackson martin lee perez thompson harris sanchez clark
ramirez lewis robinson walker allen wright scott torres nguyen flores adams nelson rivera
campbell mitchell carter roberts gomez phillips evans turner diaz cruz edwards collins reyes
stewart morris morales murphy rogers gutierrez ortiz cooper peterson reed howard ramos kim cox
ward richardson watson brooks chavez bennett mendoza ruiz hughes alvarez castillo sanders patel
myers ross foster jimenez powell jenkins perry russell sullivan
mueller muller schmidt schneider fischer weber meyer wagner becker schulz hoffmann schaefer
schafer koch bauer richter klein wolf schroeder schroder neumann schwarz zimmermann krueger
kruger hofmann hartmann lange schmitt krause lehmann
bernard dubois durand leroy moreau lefebvre laurent dupont lambert fontaine rousseau girard
sanz munoz alonso moreno vazquez gil serrano blanco molina suarez ortega delgado castro
rubio marin iglesias medina garrido conti greco bruno gallo costa giordano mancini
fernandez ibanez navarro dominguez romero rossi russo ferrari esposito bianchi romano
ivanov petrov kowalski nowak yilmaz khan singh kumar sharma chen wang zhang liu tanaka suzuki
sato hansen johansson andersson jensen novak
"""

FAMILY = frozenset(_FAMILY.split())
